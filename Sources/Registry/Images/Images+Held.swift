import Logging
import NIOCore
import WeirCore

extension Images {
    /// The manifest that the reference names here, from memory or from its row, or nil. Nil too where its bytes are damaged and
    /// came from upstream, which can give them anew: the row and its tags stay until then.
    ///
    /// Throws `.imageArchived`.
    func held(_ reference: Reference, in repository: Repository) async throws -> ManifestCache.Entry? {
        if let entry = manifestCache.entry(reference, in: repository.id) { return entry }
        let generation = manifestCache.generation
        let row = try await database.read { try ImageTable.find(reference, in: repository.id, $0) }
        guard let row else { return nil }
        guard row.status == .active else { throw Refusal.imageArchived }
        let bytes: ByteBuffer
        do {
            bytes = try seal.open(row, in: repository)
        } catch let refusal as Refusal where refusal.reason == .contentDamaged && row.origin == .cache {
            blobs.logger.error(
                "Stored manifest is damaged; it is fetched again",
                metadata: ["repository.name": "\(repository.name)", "manifest.digest": "\(row.digest)"])
            return nil
        }
        let entry = ManifestCache.Entry(
            digest: row.digest, mediaType: row.mediaType, bytes: bytes, checkedAt: row.checkedAt)
        manifestCache.remember(entry, as: reference, in: repository.id, since: generation)
        return entry
    }

    /// Whether the digest is that of an image of the repository, whatever its status.
    func holds(_ digest: Digest, in repository: Repository) async throws -> Bool {
        try await database.read { try ImageTable.find(.digest(digest), in: repository.id, $0) != nil }
    }
}
