import NIOCore
import WeirCore

extension Replication {
    /// Bytes read at once from the source.
    private static let piece = 1 << 20

    /// Copies one image with all that it names, except what is there already. Then points the push's tags at it that the image
    /// still has.
    func copy(_ item: ReplicationTable.Item) async throws {
        guard let source = try await repositories.known(item.name, in: item.source)?.repository,
            source.id == item.repository
        else { return }
        let destination = try await destination(of: item)
        try blobs.checkKey(of: source)
        try blobs.checkKey(of: destination)
        var walk = ImageWalk()
        try await copy(item.digest, depth: 0, &walk, from: source, to: destination)
        try await point(item, from: source, to: destination)
    }

    // MARK: - The repository over there

    /// The source's identity in another account: its root, which that registry's policy must admit. Nil within one account, where
    /// no policy is asked.
    private func actor(_ item: ReplicationTable.Item) -> Caller? {
        guard item.source.account != item.destination.account else { return nil }
        let account = item.source.account
        return .root(of: account, partition: item.source.region.partition)
    }

    private func destination(of item: ReplicationTable.Item) async throws -> Repository {
        let actor = actor(item)
        if let actor {
            let resource = AccessDemand.Resource.repository(item.name, in: item.destination)
            try await access.permit(actor, AccessDemand("ecr:ReplicateImage", on: resource))
        }
        // The repository may be made and deleted in between.
        for _ in 0..<3 {
            if let there = try await repositories.find(item.name, in: item.destination) { return there }
            let plan = try await creation.plan(item.name, for: .replication, in: item.destination)
            if let actor { try await creation.permit(actor, plan) }
            do {
                return try await repositories.create(try await creation.prepare(plan))
            } catch let refusal as Refusal where refusal.reason == .repositoryAlreadyExists {
                repositories.forget(item.name, in: item.destination)
            }
        }
        throw Refusal.repositoryNotFound(item.name, in: item.destination)
    }

    // MARK: - The image

    private func copy(
        _ digest: Digest, depth: Int, _ walk: inout ImageWalk, from source: Repository, to destination: Repository
    ) async throws {
        guard try walk.enters(digest, depth: depth) else { return }
        try Task.checkCancellation()
        let row = try await parts.database.read { try ImageTable.find(.digest(digest), in: source.id, $0) }
        // The image was deleted meanwhile, and its order with it.
        guard let row else { return }
        let bytes = try images.seal.open(row, in: source)
        let manifest = try Manifest(bytes, contentType: row.mediaType, algorithm: digest.algorithm)
        for child in manifest.children {
            try await copy(child.digest, depth: depth + 1, &walk, from: source, to: destination)
        }
        for blob in Set(manifest.blobs.map(\.digest)) { try await copy(blob: blob, from: source, to: destination) }
        try await images.put(replica: manifest, in: destination)
    }

    /// Reads the blob with the source's key and seals it with the destination's.
    private func copy(blob digest: Digest, from source: Repository, to destination: Repository) async throws {
        if try await admit(digest, from: source, to: destination) { return }
        let status = try await blobs.status(of: digest, in: source)
        guard status.membership != nil else { throw Refusal.layersNotFound([digest], in: source) }
        let (ingest, _) = try blobs.ingest(for: destination, digest.algorithm)
        do {
            guard let size = status.stored,
                let content = try await blobs.open(digest, status, in: source, mayServeDoubt: true)
            else { throw Refusal(.contentDamaged, "The layer \(digest) of \(source.name) is not stored here") }
            while ingest.taken < size {
                let part = try await content.read(at: ingest.taken, upTo: Self.piece)
                guard part.readableBytes > 0 else { break }
                try await ingest.take(part)
            }
            let (copied, count) = try await ingest.drain()
            guard copied == digest else {
                throw Refusal(.contentDamaged, "The layer \(digest) of \(source.name) is damaged")
            }
            try await blobs.commit(ingest, digest, size: count, to: destination, .push)
        } catch {
            ingest.discard()
            if let fault = BlobFault(error) { throw Refusal(fault, of: digest) }
            if let error = error as? BlobStoreError { throw Refusal(error) }
            throw error
        }
    }

    /// True where the bytes lie under the destination's key already: then they need only be admitted.
    ///
    /// Only the source's membership justifies it: that another repository's bytes have this digest gives no right to them, and a
    /// cached manifest may name blobs that its own upstream never gave. The transaction that admits checks both.
    private func admit(_ digest: Digest, from source: Repository, to destination: Repository) async throws -> Bool {
        let given = blobs.location(of: digest, in: source).scope
        let scope = blobs.location(of: digest, in: destination).scope
        let now = parts.clock.now
        return try await parts.database.commit { sql in
            guard try BlobTable.status(of: digest, in: source.id, scope: given, sql).membership != nil else {
                throw Refusal.layersNotFound([digest], in: source)
            }
            let status = try BlobTable.status(of: digest, in: destination.id, scope: scope, sql)
            guard status.held != nil else { return false }
            try BlobTable.admit(digest, to: destination.id, .push, promisedAt: now, sql)
            return true
        }
    }

    /// Points the tags of the pushes that ordered this copy, except those that have moved on at the source meanwhile.
    private func point(
        _ item: ReplicationTable.Item, from source: Repository, to destination: Repository
    ) async throws {
        let current = try await parts.database.read { try ImageTable.tags(of: item.digest, in: source.id, $0) }
        let tags = item.tags.filter(current.contains)
        guard !tags.isEmpty else { return }
        try await images.point(tags, toReplica: item.digest, in: destination)
    }
}

extension Images {
    /// Stores the manifest of another registry of this server, without a tag. All that it names must be here.
    fileprivate func put(replica manifest: Manifest, in repository: Repository) async throws {
        let scope = blobs.location(of: manifest.digest, in: repository).scope
        let sealedKey = try await repositories.sealedKey(of: repository)
        let sealed = try seal.seal(manifest, in: repository, sealedKey: sealedKey)
        let now = clock.now
        try await database.commit { sql in
            let repository = try RepositoryTable.current(repository, sql)
            try Self.checkReferences(of: manifest, in: repository, scope: scope, sql)
            _ = try ImageTable.insert(
                ImageTable.New(
                    repository: repository.id, manifest: manifest, sealedManifest: sealed,
                    size: ImageTable.size(of: manifest, in: repository.id, sql), at: now, origin: .push), sql)
        }
        manifestCache.forget(repository.id)
    }

    /// Points every tag that may move, then throws a refusal where one may not.
    fileprivate func point(_ tags: [Tag], toReplica digest: Digest, in repository: Repository) async throws {
        let refused = try await database.commit { sql in
            let repository = try RepositoryTable.current(repository, sql)
            guard try ImageTable.exists(digest, in: repository.id, sql) else { throw Refusal.imageNotFound }
            var refused: Refusal?
            for tag in tags {
                let before = try ImageTable.digest(of: tag, in: repository.id, sql)
                if let before, before != digest, !repository.mutability.mayMove(tag) {
                    refused = .imageTagAlreadyExists(tag, in: repository.name)
                } else {
                    try ImageTable.point(tag, to: digest, in: repository.id, checkedAt: nil, sql)
                }
            }
            return refused
        }
        manifestCache.forget(repository.id)
        if let refused { throw refused }
    }
}
