import NIOCore
import WeirCore
import WeirVault

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Upstream's answer about a manifest's referrers, as it is kept: JSON, sealed with the repository's data key, since annotations
/// are content.
struct UpstreamListing: Sendable {
    let referrers: [Referrer]
    let checkedAt: Timestamp

    private struct Entry: Codable {
        var digest: String
        var mediaType: String
        var size: Int64
        var artifactType: String?
        var annotations: [String: String]?
    }

    init(_ referrers: [Referrer], checkedAt: Timestamp) {
        self.referrers = referrers.sorted { $0.digest < $1.digest }
        self.checkedAt = checkedAt
    }

    /// Nil where the row cannot be opened or read: upstream is then asked anew.
    init?(_ row: ReferrerTable.Listing, of subject: Digest, in known: KnownRepository, _ keyring: Keyring) throws {
        let key = try keyring.unwrap(known.sealedKey, under: known.repository.sealingKey)
        guard let plain = try? SealedValue.open(row.sealed, with: key, binding: Self.binding(subject, known)),
            let entries = try? JSONDecoder().decode([Entry].self, from: Data(plain))
        else { return nil }
        referrers = entries.compactMap { entry in
            guard let digest = try? Digest(entry.digest) else { return nil }
            return Referrer(
                digest: digest, mediaType: entry.mediaType, size: entry.size, artifactType: entry.artifactType,
                annotations: entry.annotations ?? [:])
        }
        checkedAt = row.checkedAt
    }

    func row(of subject: Digest, in known: KnownRepository, _ keyring: Keyring) throws -> ReferrerTable.Listing {
        let entries = referrers.map {
            Entry(
                digest: "\($0.digest)", mediaType: $0.mediaType, size: $0.size, artifactType: $0.artifactType,
                annotations: $0.annotations.isEmpty ? nil : $0.annotations)
        }
        let key = try keyring.unwrap(known.sealedKey, under: known.repository.sealingKey)
        let sealed = try SealedValue.seal(
            Array(try JSONEncoder().encode(entries)), with: key, binding: Self.binding(subject, known))
        return ReferrerTable.Listing(sealed: sealed, checkedAt: checkedAt)
    }

    private static func binding(_ subject: Digest, _ known: KnownRepository) -> String {
        "referrers \(known.repository.id) \(subject)"
    }
}
