package import WeirCore

/// Single blobs of a repository, for ECR's layer API and for the deletion of blobs. Uploads are in `Uploads`.
package struct Layers: Sendable {
    /// What a client that wants to push is told of a layer.
    package enum Availability: Sendable, Hashable {
        case available(size: Int64)
        /// Its images are all in the archive.
        case archived(size: Int64)
        case unavailable
    }

    let repositories: Repositories
    let blobs: Blobs

    /// Which of the layers need not be sent. A layer that is called available stays for the grace period.
    package func availability(
        of digests: [Digest], in name: RepositoryName, of registry: RegistryID
    ) async throws -> [Digest: Availability] {
        let repository = try await repositories.existing(name, in: registry)
        try blobs.checkKey(of: repository)
        var found: [Digest: Availability] = [:]
        for digest in digests where found[digest] == nil {
            found[digest] = try await availability(of: digest, in: repository)
        }
        return found
    }

    private func availability(of digest: Digest, in repository: Repository) async throws -> Availability {
        let status = try await blobs.status(of: digest, in: repository)
        guard status.membership != nil, let size = status.stored else { return .unavailable }
        do {
            // The client will not send a layer that is said to be here, so the bytes must be readable.
            guard try await blobs.open(digest, status, in: repository) != nil else { return .unavailable }
        } catch let fault as BlobFault {
            guard fault.state.wantsBytes else { throw Refusal(fault, of: digest) }
            return .unavailable
        }
        guard try await blobs.promise(digest, in: repository) else { return .unavailable }
        let isArchived = try await blobs.database.read {
            try BlobTable.isOnlyInArchive(digest, in: repository.id, $0)
        }
        return isArchived ? .archived(size: size) : .available(size: size)
    }

    /// Throws unless an image of the repository names the layer: only such layers are handed out by a link.
    package func checkNamed(_ digest: Digest, in name: RepositoryName, of registry: RegistryID) async throws {
        let repository = try await repositories.existing(name, in: registry)
        try blobs.checkKey(of: repository)
        let status = try await blobs.status(of: digest, in: repository)
        guard status.named == nil else { return }
        throw status.membership == nil
            ? Refusal.layerNotFound(digest, in: repository)
            : Refusal(
                .layerInaccessible,
                "The layer with digest '\(digest)' is not available because it is not associated with an image in the "
                    + "repository with name '\(repository.name)'")
    }

    /// Takes a blob from the repository. Its bytes stay where another repository may serve them; else the collector removes them.
    package func delete(_ digest: Digest, from name: RepositoryName, of registry: RegistryID) async throws {
        let repository = try await repositories.existing(name, in: registry)
        let now = blobs.clock.now
        try await blobs.database.commit { sql in
            guard try !BlobTable.isNamed(digest, in: repository.id, sql) else {
                throw Refusal(
                    .blobReferenced, "The layer \(digest) is referenced by an image of the repository '\(name)'. Delete the image"
                )
            }
            try LostTable.remember(digest, of: repository.id, at: now, sql)
            guard try BlobTable.expel(digest, from: repository.id, sql) else {
                throw Refusal.blobUnknown(digest, in: name)
            }
        }
    }
}
