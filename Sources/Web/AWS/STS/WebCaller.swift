import Synchronization
import WeirIdentity

/// Who called without a signature, told by the operation for the audit record once the web identity token is verified.
final class WebCaller: Sendable {
    private let known = Mutex<WebIdentity?>(nil)

    var identity: WebIdentity? { known.withLock { $0 } }

    func note(_ identity: WebIdentity) { known.withLock { $0 = identity } }
}
