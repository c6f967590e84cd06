import Crypto
package import WeirCore
import WeirText
import WeirVault

/// Links that give read access to everyone who has them until they expire: `GetDownloadUrlForLayer` returns them.
///
/// ```
/// <path>?weir-registry=<account>.<region>&weir-key=<access key>&weir-expires=<seconds since 1970>&weir-signature=<hex>
/// ```
///
/// The signature covers all of it, and the path as it is spelled. A link grants nothing by itself: its access key is looked up at
/// every use, so removing a key also ends its links.
package struct SignedLinks: Sendable {
    /// ECR's lifetime.
    package static let lifetime = Duration.seconds(3_600)
    /// The parameter that identifies a request by link.
    package static let signatureName = "weir-signature"

    private let keys: AccessKeys
    private let signingKey: SymmetricKey
    private let expected: @Sendable (Timestamp) -> Timestamp

    init(keys: AccessKeys, signingKey: SymmetricKey, expected: @escaping @Sendable (Timestamp) -> Timestamp) {
        self.keys = keys
        self.expected = expected
        self.signingKey = signingKey
    }

    /// The query that opens `path` to everyone for an hour. `path` must need no escapes.
    package func query(
        for path: String, in registry: RegistryID, accessKeyID: String, at now: Timestamp
    ) -> String {
        let expires = (expected(now) + Self.lifetime).microseconds / 1_000_000
        let mac = mac(path, "\(registry.account).\(registry.region)", accessKeyID, "\(expires)")
        return "weir-registry=\(registry.account).\(registry.region)&weir-key=\(accessKeyID)&weir-expires=\(expires)"
            + "&\(Self.signatureName)=\(Hex.encode(mac))"
    }

    /// The link's maker. Throws `.tokenInvalid` for a link that is not ours, `.tokenExpired` for one that has expired.
    package func verify(
        path: String, parameter: (String) -> String?, now: Timestamp
    ) throws(Refusal) -> RegistryPrincipal {
        guard let home = parameter("weir-registry"), let key = parameter("weir-key"),
            let expires = parameter("weir-expires"), let signature = parameter(Self.signatureName).flatMap({ Hex.decode($0) }),
            HMAC<SHA256>.isValidAuthenticationCode(
                signature, authenticating: Self.signed(path, home, key, expires), using: signingKey),
            let dot = home.firstIndex(of: "."), let account = try? AccountID(String(home[..<dot])),
            let region = try? Region(String(home[home.index(after: dot)...])), let seconds = Int64(expires), seconds < 1 << 40
        else { throw Refusal(.tokenInvalid, "The link is not one of this registry's") }
        let (end, now) = (Timestamp(seconds: seconds), expected(now))
        guard now < end, end - now <= Self.lifetime + ClockGuard.tolerance else {
            throw Refusal(.tokenExpired, "The link has expired. Ask for another one")
        }
        guard let caller = keys.root(of: key) else {
            throw Refusal(.tokenInvalid, "The access key that the link was made with is gone")
        }
        return RegistryPrincipal(
            caller: caller.seen(in: region), registry: RegistryID(account: account, region: region), expiresAt: end,
            accessKeyID: key)
    }

    private func mac(_ path: String, _ home: String, _ key: String, _ expires: String) -> some Sequence<UInt8> {
        Array(HMAC<SHA256>.authenticationCode(for: Self.signed(path, home, key, expires), using: signingKey))
    }

    private static func signed(_ path: String, _ home: String, _ key: String, _ expires: String) -> [UInt8] {
        Array([path, home, key, expires].joined(separator: "\n").utf8)
    }
}
