package import WeirCore

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A password for `docker login`. Its description and its mirror hide it.
package struct RegistryPassword: Sendable, Equatable, CustomStringConvertible, CustomReflectable {
    package let user: String
    package let password: String
    package let expiresAt: Timestamp

    /// In bytes.
    private static let longest = 64 << 10

    /// Nil for a user or a password that a client could not send.
    package init?(user: String, password: String, expiresAt: Timestamp) {
        func isSendable(_ text: String) -> Bool {
            !text.isEmpty && text.utf8.count <= Self.longest && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f }
        }
        guard isSendable(user), !user.contains(":"), isSendable(password) else { return nil }
        self.user = user
        self.password = password
        self.expiresAt = expiresAt
    }

    /// Of the answer of ECR's GetAuthorizationToken; nil where it holds none.
    package init?(_ answer: JSONValue) {
        let data = answer.list("authorizationData").first ?? .null
        guard let token = data.text(of: "authorizationToken"), token.utf8.count <= 2 * Self.longest,
            let bytes = Data(base64Encoded: token), let text = String(validating: bytes, as: UTF8.self),
            let colon = text.firstIndex(of: ":"), let end = data.number(of: "expiresAt")
        else { return nil }
        self.init(
            user: String(text[..<colon]), password: String(text[text.index(after: colon)...]),
            expiresAt: Timestamp(seconds: Int64(saturating: end)))
    }

    package var description: String { "(a registry password)" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
