package import WeirCore
import WeirVault

/// The images of repositories: put, read and removed. What comes from upstream goes through `Pulls`.
package struct Images: Sendable {
    let database: any SQLDatabase
    let repositories: Repositories
    let blobs: Blobs
    let seal: ManifestSeal
    let memory: ManifestMemory
    let clock: WallClock
    let events: any EventSink
    let replication: ReplicationBell

    init(
        database: any SQLDatabase, repositories: Repositories, blobs: Blobs, keyring: Keyring,
        memory: ManifestMemory, clock: WallClock, events: any EventSink, replication: ReplicationBell
    ) {
        self.database = database
        self.repositories = repositories
        self.blobs = blobs
        seal = ManifestSeal(keyring: keyring)
        self.memory = memory
        self.clock = clock
        self.events = events
        self.replication = replication
    }

    /// The repository, or the refusal that there is none.
    func repository(_ name: RepositoryName, of registry: RegistryID) async throws -> Repository {
        guard let repository = try await repositories.find(name, in: registry) else {
            throw Refusal.repositoryNotFound(name, in: registry)
        }
        return repository
    }

    /// Removes a tag, or an image with all its tags: `DELETE /v2/<name>/manifests/<reference>`.
    package func delete(
        _ reference: Reference, in name: RepositoryName, of registry: RegistryID
    ) async throws {
        let repository = try await repository(name, of: registry)
        let removed = try await database.write { sql in
            switch reference {
            case .tag(let tag):
                guard let digest = try ImageTable.digest(of: tag, in: repository.id, sql),
                    try ImageTable.removeTag(tag, in: repository.id, sql)
                else { throw Refusal.imageNotFound }
                return [ImageID(digest: digest, tag: tag)]
            case .digest(let digest):
                let lists = try ImageTable.lists(naming: digest, in: repository.id, sql)
                guard lists.isEmpty else { throw Refusal.referencedByManifestList(lists) }
                let removed = try ImageTable.ids(of: digest, in: repository.id, sql)
                guard try ImageTable.remove(digest, in: repository.id, sql) else { throw Refusal.imageNotFound }
                return removed
            }
        }
        memory.forget(repository.id)
        for id in removed { events.emit(.image(.delete, id, in: repository)) }
    }
}
