import WeirCore
import WeirText

/// An identity provider's token for this machine or for a pod. Its description and its mirror hide it.
package struct WebIdentityToken: Sendable, CustomStringConvertible, CustomReflectable {
    /// In bytes, as STS takes it.
    private static let lengths = 4...20_000

    package let text: String

    /// - Parameters:
    ///   - bytes: the token, with white space around it where a file ends in a line break.
    ///   - place: where it came from, for the error message.
    package init(_ bytes: [UInt8], from place: String) throws(CommandProblem) {
        let text = bytes.split(whereSeparator: { $0 == 0x20 || (0x09...0x0d).contains($0) })
        guard text.count == 1, Self.lengths.contains(text[0].count), text[0].allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
            throw CommandProblem("\(place) holds no web identity token: one line of 4 to 20000 characters")
        }
        self.text = String(decoding: text[0], as: UTF8.self)
    }

    /// The service account that the token says it is for, as a role session's name: `builder@ci` for the account `builder` of the
    /// namespace `ci`. Nil for any other subject. Nothing has verified the token: this is a name, and no right depends on it.
    package var serviceAccountSession: String? {
        guard let subject = claims.text(of: "sub") else { return nil }
        let names = subject.split(separator: ":", omittingEmptySubsequences: false)
        guard names.count == 4, names[0] == "system", names[1] == "serviceaccount" else { return nil }
        let name = String("\(names[3])@\(names[2])".prefix(64))
        return AssumedRole.isSessionName(name) ? name : nil
    }

    /// The audiences that the token says it is for.
    package var audiences: [String] { claims.text(of: "aud").map { [$0] } ?? claims.texts("aud") }

    /// Unverified; null where the token is no JSON Web Token.
    private var claims: JSONValue {
        let parts = text.split(separator: ".", maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count == 3, let bytes = Base64URL.decode(String(parts[1])) else { return .null }
        return (try? JSONValue(parsing: bytes)) ?? .null
    }

    package var description: String { "(a web identity token)" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
