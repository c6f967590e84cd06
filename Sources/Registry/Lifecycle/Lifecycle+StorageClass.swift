import Logging
package import WeirCore

/// ECR's `TargetStorageClass`.
package enum TargetStorageClass: String, Sendable, CaseIterable {
    case standard = "STANDARD"
    case archive = "ARCHIVE"
}

extension Lifecycle {
    /// Moves one image to the archive, at once, or begins to bring it back. Its referrers go with it, and a list brings back the
    /// images that it names. Returns the image and its present status.
    ///
    /// Throws `repositoryNotFound`, `imageNotFound`, `storageClassUpdateNotSupported`.
    package func setStorageClass(
        _ target: TargetStorageClass, of id: ImageIDRequest, in name: RepositoryName, of registry: RegistryID
    ) async throws -> (id: ImageID, status: ImageStatus) {
        let now = clock.now
        let (repository, id, told) = try await database.write { sql in
            let repository = try RepositoryTable.existing(name, in: registry, sql).repository
            let id = try id.resolved(in: repository, sql)
            let told =
                target == .archive
                ? try Self.archive(id.digest, in: repository, at: now, sql)
                : try Self.beginActivation(of: id.digest, in: repository, sql)
            return (repository, id, told)
        }
        images.manifestCache.forget(repository.id)
        told.forEach(events.emit)
        if target == .standard { wakeUp() }
        return (id, target == .archive ? .archived : .activating)
    }

    private static func archive(
        _ digest: Digest, in repository: Repository, at now: Timestamp, _ sql: any SQLConnection
    ) throws -> [Event] {
        let lists = try StorageClassQueries.activeLists(naming: digest, in: repository.id, sql)
        guard lists.isEmpty else {
            throw Refusal.storageClassUpdateNotSupported(Refusal.referencedByManifestList(lists).message)
        }
        guard try ImageTable.archive(digest, in: repository.id, at: now, sql) else {
            throw Refusal.storageClassUpdateNotSupported("The image is not active")
        }
        var told = try moved(digest, in: repository, sql)
        try follow(from: digest, { try StorageClassQueries.referrers(of: $0, in: repository.id, sql) }) { digest in
            guard try StorageClassQueries.activeLists(naming: digest, in: repository.id, sql).isEmpty,
                try ImageTable.archive(digest, in: repository.id, at: now, sql)
            else { return false }
            told += try moved(digest, in: repository, sql)
            return true
        }
        return told
    }

    /// No event yet: the image's return is reported when it can be read again.
    private static func beginActivation(
        of digest: Digest, in repository: Repository, _ sql: any SQLConnection
    ) throws -> [Event] {
        guard try ImageTable.beginActivation(of: digest, in: repository.id, sql) else {
            throw Refusal.storageClassUpdateNotSupported("The image is not in the archive")
        }
        try follow(
            from: digest,
            {
                try StorageClassQueries.referrers(of: $0, in: repository.id, sql)
                    + StorageClassQueries.children(of: $0, in: repository.id, sql)
            }
        ) { try ImageTable.beginActivation(of: $0, in: repository.id, sql) }
        return []
    }

    /// Visits the images that go with an image, and for each that moved those that go with that one.
    private static func follow(
        from digest: Digest, _ next: (Digest) throws -> [Digest], _ move: (Digest) throws -> Bool
    ) throws {
        var waiting = try next(digest)
        var seen: Set = [digest]
        while let one = waiting.popLast() {
            guard seen.insert(one).inserted, try move(one) else { continue }
            waiting += try next(one)
        }
    }

    /// Finishes the return of every image that is on its way back.
    func finishActivations() async throws {
        while true {
            let batch = try await database.read { try StorageClassQueries.activating(limit: 100, $0) }
            guard !batch.isEmpty else { return }
            let now = clock.now
            for (repository, digest) in batch {
                let done = try await database.write { sql -> (told: [Event], isReplicated: Bool)? in
                    guard try ImageTable.activate(digest, in: repository.id, at: now, sql) else { return nil }
                    return (
                        try Self.moved(digest, in: repository, sql),
                        try Self.replicate(digest, in: repository, at: now, sql)
                    )
                }
                guard let done else { continue }
                images.manifestCache.forget(repository.id)
                if done.isReplicated { images.replication.ring() }
                done.told.forEach(events.emit)
                audit.noteActivation(of: digest, in: repository, at: now)
            }
        }
    }

    /// For replication, a pushed image that comes back counts as pushed. True where another registry is to have it.
    private static func replicate(
        _ digest: Digest, in repository: Repository, at now: Timestamp, _ sql: any SQLConnection
    ) throws -> Bool {
        guard try ImageTable.find(.digest(digest), in: repository.id, sql)?.origin == .push else { return false }
        let tags = try ImageTable.tags(of: digest, in: repository.id, sql)
        return try ReplicationTable.enqueue(digest, tags, in: repository, at: now, sql)
    }

    /// The events for an image that has just moved, one for each of its tags.
    static func moved(
        _ digest: Digest, in repository: Repository, _ sql: any SQLConnection
    ) throws -> [Event] {
        guard let detail = try ImageListQueries.detail(of: digest, in: repository.id, sql) else { return [] }
        let isBack = detail.status == .active
        return try ImageTable.ids(of: digest, in: repository.id, sql).map { id in
            .image(
                .updateStorageClass, id, in: repository, mediaType: detail.mediaType,
                artifactType: detail.artifactType, isReferrer: detail.subject != nil,
                targetStorageClass: (isBack ? TargetStorageClass.standard : .archive).rawValue,
                activatedAt: isBack ? detail.activatedAt : nil)
        }
    }
}

extension Refusal {
    fileprivate static func storageClassUpdateNotSupported(_ reason: String) -> Refusal {
        Refusal(
            .storageClassUpdateNotSupported, "The requested image storage class update is not supported. \(reason)")
    }

    package static let imageArchived = Refusal(
        .imageArchived, "Requested image not found. It is in the archive: restore it, or push it again")
}
