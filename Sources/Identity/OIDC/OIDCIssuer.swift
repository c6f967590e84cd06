/// The URL of an OpenID Connect issuer, exactly as its tokens say it in `iss`: a slash at the end counts.
///
/// An issuer has no query, no fragment and no user information (OpenID Connect Discovery 1.0, 3). Here it is ASCII, and its path
/// has no colon: so `HOST/PATH:CLAIM` names one claim of one issuer.
package struct OIDCIssuer: Hashable, Sendable, CustomStringConvertible {
    /// IAM's bound.
    package static let maxBytes = 255

    package let url: String

    /// Nil where `url` is no http or https URL of that form. `isPlain` tells the two apart.
    package init?(_ url: String) {
        guard url.utf8.count <= Self.maxBytes, let rest = Self.rest(of: url) else { return nil }
        let host = rest.prefix { $0 != UInt8(ascii: "/") }
        guard Self.isAuthority(host), rest.dropFirst(host.count).allSatisfy(Self.isPathByte) else { return nil }
        self.url = url
    }

    package var isPlain: Bool { url.utf8.starts(with: "http:".utf8) }

    /// The issuer without its scheme: what stands before the colon in its condition keys, and after `oidc-provider/` in ARNs.
    package var name: String { String(url.dropFirst(isPlain ? 7 : 8)) }

    /// The URL of its configuration: a slash at the issuer's end is not doubled (OpenID Connect Discovery 1.0, 4).
    package var configurationURL: String {
        (url.utf8.last == UInt8(ascii: "/") ? String(url.dropLast()) : url) + "/.well-known/openid-configuration"
    }

    package var description: String { url }

    private static func rest(of url: String) -> Substring.UTF8View? {
        for scheme in ["https://", "http://"] where url.utf8.starts(with: scheme.utf8) {
            return url.utf8.dropFirst(scheme.utf8.count)
        }
        return nil
    }

    /// A host, perhaps with a port. The connection's own parser is stricter.
    private static func isAuthority(_ text: Substring.UTF8View) -> Bool {
        !text.isEmpty && text.first != UInt8(ascii: ":")
            && text.allSatisfy { isAlphanumeric($0) || "-._:[]".utf8.contains($0) }
    }

    private static func isPathByte(_ byte: UInt8) -> Bool { isAlphanumeric(byte) || "/-._~%+@=,;!$&'()*".utf8.contains(byte) }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
    }
}
