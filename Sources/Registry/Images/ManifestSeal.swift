import NIOCore
import WeirCore
import WeirVault

/// Seals and opens the manifests of repositories: each repository has a data key for them, wrapped by the key of its encryption.
///
/// The binding holds the repository's number and the digest, so that a row cannot stand in for another.
struct ManifestSeal: Sendable {
    let keyring: Keyring

    func seal(
        _ manifest: Manifest, in repository: Repository, sealedKey: [UInt8]
    ) throws -> [UInt8] {
        let key = try keyring.unwrap(sealedKey, under: repository.sealingKey)
        return try SealedValue.seal(
            manifest.bytes, with: key, binding: Self.binding(manifest.digest, repository.id))
    }

    /// Throws `Refusal(.contentDamaged)` where the row is not what was sealed, and what the keyring says of a key that cannot be
    /// used.
    func open(_ row: ImageTable.Row, in repository: Repository) throws -> ByteBuffer {
        do {
            let key = try keyring.unwrap(row.sealedKey, under: repository.sealingKey)
            return try SealedValue.openBuffer(
                row.sealedManifest, with: key, binding: Self.binding(row.digest, repository.id))
        } catch let refusal as Refusal {
            throw refusal
        } catch {
            throw Refusal(
                .contentDamaged, "The stored manifest \(row.digest) of \(repository.name) is damaged",
                facts: ["seal.error": "\(error)"])
        }
    }

    private static func binding(_ digest: Digest, _ repository: Int64) -> String {
        "manifest \(repository) \(digest)"
    }
}
