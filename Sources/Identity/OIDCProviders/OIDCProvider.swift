package import WeirCore

/// An issuer of web identity tokens that an account trusts.
package struct OIDCProvider: Sendable, Equatable {
    /// Unique for ever: a provider that is made again for the same issuer is another one, and no trust policy that was saved
    /// before means it.
    package let id: String
    package let account: AccountID
    /// The issuer as its tokens spell it: `https://…`, with a slash at its end or without.
    package let url: String
    package let createdAt: Timestamp
    /// The audiences that a token may have.
    package var clientIDs: [String]
    /// SHA-1 of a certificate, 40 hexadecimal digits each: of a private authority.
    package var thumbprints: [String]
    /// The issuer's keys (RFC 7517), where they were given to this server: then they are not fetched.
    package var keySet: String?
    package var tags: [ResourceTag]

    /// The URL without its scheme: what its condition keys begin with, and its ARN ends with.
    package var name: String { String(url.dropFirst(OIDCIssuer.scheme.count)) }

    /// `arn:aws:iam::ACCOUNT:oidc-provider/HOST/PATH`.
    package func arn(partition: String = "aws") -> String { "arn:\(partition):iam::\(account):oidc-provider/\(name)" }
}

extension OIDCIssuer {
    static let scheme = "https://"

    /// `https://HOST[:PORT][/PATH]`, without a query. Wildcards are refused: the URL becomes part of an ARN.
    static func isURL(_ text: String) -> Bool {
        guard let issuer = OIDCIssuer(text) else { return false }
        let host = issuer.name.utf8.prefix { $0 != UInt8(ascii: "/") }
        let parts = host.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        let isPort =
            parts.count == 1
            || parts.count == 2 && (1...5).contains(parts[1].count)
                && parts[1].allSatisfy { (0x30...0x39).contains($0) }
        return isPort && !issuer.isPlain && !text.utf8.contains { $0 == UInt8(ascii: "*") }
    }
}
