import Crypto
package import WeirCore
import WeirText
import WeirVault

/// Links that give read access to everyone who has them until they expire: `GetDownloadUrlForLayer` returns them.
///
/// ```
/// <path>?weir-signature=<base64url of a sealed value, bound to the path as it is spelled>
/// ```
///
/// What is sealed:
///
///     byte     version, 2
///     moment   issued at
///     moment   expires at
///     text     account of the registry
///     text     region
///     …        its maker (`TokenPrincipal`)
///
/// A link grants nothing by itself: its maker is looked up at every use, so it ends with its user, role or key, and reads what
/// the maker may read at that moment.
package struct SignedLinks: Sendable {
    /// ECR's lifetime.
    package static let lifetime = Duration.seconds(3_600)
    /// The parameter that identifies a request by link.
    package static let signatureName = "weir-signature"
    private static let version: UInt8 = 2
    /// Bounds the parser's work.
    private static let maxCharacters = 4_608

    private let credentials: Credentials
    private let key: SymmetricKey
    private let settings: RegistryTokens.Settings
    private let expected: @Sendable (Timestamp) -> Timestamp

    init(
        credentials: Credentials, rootKey: RootKey, settings: RegistryTokens.Settings,
        expected: @escaping @Sendable (Timestamp) -> Timestamp
    ) {
        self.credentials = credentials
        self.expected = expected
        self.settings = settings
        key = rootKey.derive("layer-link/2")
    }

    /// The query that opens `path` to everyone for an hour. `path` must need no escapes.
    package func query(
        for path: String, in registry: RegistryID, by caller: Caller, accessKeyID: String, at now: Timestamp
    ) throws -> String {
        guard let principal = TokenPrincipal(caller, accessKeyID: accessKeyID) else { throw Principals.gone }
        let issued = expected(now)
        var end = issued + Self.lifetime
        if settings.endsWithSession, let session = caller.session { end = min(end, session.expiresAt) }
        var writer = TokenWriter()
        writer.byte(Self.version)
        writer.moment(issued)
        writer.moment(end)
        writer.text(registry.account.description)
        writer.text(registry.region.description)
        principal.write(to: &writer)
        let sealed = try SealedValue.seal(writer.bytes, with: key, binding: Self.binding(path))
        return "\(Self.signatureName)=\(Base64URL.encode(sealed))"
    }

    /// The link's maker. Throws `.tokenInvalid` for a link that is not ours, `.tokenExpired` for one that has expired.
    package func verify(
        path: String, parameter: (String) -> String?, now: Timestamp
    ) async throws -> RegistryPrincipal {
        guard let link = parameter(Self.signatureName).flatMap({ open($0, path) }) else {
            throw Refusal(.tokenInvalid, "The link is not one of this registry's")
        }
        let now = expected(now)
        guard now < link.end, link.issued - now <= ClockGuard.tolerance else {
            throw Refusal(.tokenExpired, "The link has expired. Ask for another one")
        }
        guard let caller = try await credentials.caller(of: link.principal, issuedAt: link.issued) else {
            throw Refusal(.tokenInvalid, "Who made the link, or the access key that it was made with, is gone")
        }
        return RegistryPrincipal(
            caller: caller.seen(in: link.registry.region), registry: link.registry, expiresAt: link.end,
            accessKeyID: link.principal.accessKeyID)
    }

    private struct Link {
        let issued: Timestamp
        let end: Timestamp
        let registry: RegistryID
        let principal: TokenPrincipal
    }

    private func open(_ text: String, _ path: String) -> Link? {
        guard text.utf8.count <= Self.maxCharacters, let sealed = Base64URL.decode(text), Base64URL.encode(sealed) == text,
            let bytes = try? SealedValue.open(sealed, with: key, binding: Self.binding(path))
        else { return nil }
        var reader = TokenReader(bytes)
        guard reader.byte() == Self.version, let issued = reader.moment(), let end = reader.moment(),
            let account = reader.text().flatMap({ try? AccountID($0) }), let region = reader.text().flatMap({ try? Region($0) }),
            let principal = TokenPrincipal(from: &reader), reader.isAtEnd
        else { return nil }
        return Link(issued: issued, end: end, registry: RegistryID(account: account, region: region), principal: principal)
    }

    private static func binding(_ path: String) -> String { "layer-link/\(path)" }
}
