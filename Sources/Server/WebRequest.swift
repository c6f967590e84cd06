package import HTTPTypes
import Synchronization

/// A request: the text of its first line as sent, its body still on the way.
package struct WebRequest: Sendable {
    /// Names the request in the log, and to a client that gets a server error.
    package let id: String
    package let method: HTTPRequest.Method
    /// Before the `?`, not decoded.
    package let rawPath: String
    /// After the `?`, not decoded; empty where there is none.
    package let rawQuery: String
    /// The `Host` header. It is not among `headers`.
    package let authority: String?
    package let headers: HTTPFields
    package let body: RequestBody

    package init(
        id: String, method: HTTPRequest.Method, target: String, authority: String?, headers: HTTPFields,
        body: RequestBody
    ) {
        self.id = id
        self.method = method
        if let mark = target.utf8.firstIndex(of: UInt8(ascii: "?")) {
            rawPath = String(target[..<mark])
            rawQuery = String(target[target.utf8.index(after: mark)...])
        } else {
            rawPath = target
            rawQuery = ""
        }
        self.authority = authority
        self.headers = headers
        self.body = body
    }
}

/// Numbers requests: a random prefix for each run of the program, then a counter. Unique and cheap, but not secret.
struct RequestNumbers: Sendable {
    private final class Counter: Sendable { let next = Atomic<UInt64>(1) }

    private let run = String(UInt32.random(in: 0x1000_0000...UInt32.max), radix: 16)
    private let counter = Counter()

    func next() -> String {
        "\(run)-\(counter.next.wrappingAdd(1, ordering: .relaxed).oldValue)"
    }
}

extension HTTPField.Name {
    /// A header's name that is a constant of this program.
    package static func constant(_ text: StaticString) -> Self {
        guard let name = Self("\(text)") else { preconditionFailure("\(text) is not a header's name") }
        return name
    }
}
