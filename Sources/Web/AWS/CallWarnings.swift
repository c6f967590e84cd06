import Logging
import Synchronization
import WeirCore

/// What whoever made a call should know, though it was done: told in the answer's headers, and in the log.
package final class CallWarnings: Sendable {
    /// One header each: `x-weir-warning`.
    static let header = "x-weir-warning"
    private static let most = 10

    private let texts = Mutex<[String]>([])

    package init() {}

    /// At most ten, each on one line of a few hundred characters.
    func add(_ text: String) {
        let line = String(decoding: text.utf8.prefix(400).map { (0x20...0x7e).contains($0) ? $0 : 0x3f }, as: UTF8.self)
        texts.withLock { if $0.count < Self.most { $0.append(line) } }
    }

    var all: [String] { texts.withLock { $0 } }
}

extension AWSCall {
    /// Tells the author of a policy that was accepted which of its conditions no request will ever meet.
    ///
    /// - Parameter place: whose policy it is, as in "the policy of the repository app".
    func warn(about policy: String?, of place: String) {
        guard let policy, let document = try? PolicyDocument(policy) else { return }
        let unfilled = document.unfilledKeys
        for key in unfilled { warnings.add(key.warning) }
        guard !unfilled.isEmpty else { return }
        Logger.current.warning(
            "A policy names condition keys that no request to this server has",
            metadata: [
                "policy.place": "\(place)", "policy.keys": "\(Set(unfilled.map(\.key)).sorted().joined(separator: ", "))",
                "account": "\(registry.account)",
            ])
    }

    /// Tells the author of a document of another service that it is kept, and not asked.
    func warn(_ text: String, about place: String) {
        warnings.add(text)
        Logger.current.warning("\(text)", metadata: ["policy.place": "\(place)", "account": "\(registry.account)"])
    }
}
