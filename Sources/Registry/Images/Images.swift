package import WeirCore
import WeirVault

/// The images of repositories: put, read and removed. Images from upstream go through `Pulls`.
package final class Images: Sendable {
    let database: any SQLDatabase
    let repositories: Repositories
    let blobs: Blobs
    let seal: ManifestSeal
    let manifestCache: ManifestCache
    let clock: WallClock
    let events: any EventSink
    let replication: ReplicationSignal

    init(
        database: any SQLDatabase, repositories: Repositories, blobs: Blobs, keyring: Keyring,
        manifestCache: ManifestCache, clock: WallClock, events: any EventSink, replication: ReplicationSignal
    ) {
        self.database = database
        self.repositories = repositories
        self.blobs = blobs
        seal = ManifestSeal(keyring: keyring)
        self.manifestCache = manifestCache
        self.clock = clock
        self.events = events
        self.replication = replication
    }

    /// Removes a tag, or an image with all its tags: `DELETE /v2/<name>/manifests/<reference>`.
    package func delete(
        _ reference: Reference, in name: RepositoryName, of registry: RegistryID
    ) async throws {
        let repository = try await repositories.existing(name, in: registry)
        let told = try await database.write { sql in
            switch reference {
            case .tag(let tag):
                guard let digest = try ImageTable.digest(of: tag, in: repository.id, sql),
                    try ImageTable.removeTag(tag, in: repository.id, sql)
                else { throw Refusal.imageNotFound }
                return try Self.deletions([ImageID(digest: digest, tag: tag)], of: digest, in: repository, sql)
            case .digest(let digest):
                let lists = try ImageTable.lists(naming: digest, in: repository.id, sql)
                guard lists.isEmpty else { throw Refusal.referencedByManifestList(lists) }
                let ids = try ImageTable.ids(of: digest, in: repository.id, sql)
                let told = try Self.deletions(ids, of: digest, in: repository, sql)
                guard try ImageTable.remove(digest, in: repository.id, sql) else { throw Refusal.imageNotFound }
                return told
            }
        }
        manifestCache.forget(repository.id)
        told.forEach(events.emit)
    }

    /// The events for an image that is about to be removed, or to lose some of its tags. Call it while the image's row is still
    /// there.
    static func deletions(
        _ ids: [ImageID], of digest: Digest, in repository: Repository, _ sql: any SQLConnection
    ) throws -> [Event] {
        let isReferrer = try ImageListQueries.detail(of: digest, in: repository.id, sql)?.subject != nil
        return ids.map { .image(.delete, $0, in: repository, isReferrer: isReferrer) }
    }
}
