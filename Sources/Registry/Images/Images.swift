package import NIOCore
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

    init(
        database: any SQLDatabase, repositories: Repositories, blobs: Blobs, keyring: Keyring,
        memory: ManifestMemory, clock: WallClock
    ) {
        self.database = database
        self.repositories = repositories
        self.blobs = blobs
        seal = ManifestSeal(keyring: keyring)
        self.memory = memory
        self.clock = clock
    }

    /// The repository, or the refusal that there is none.
    func repository(_ name: RepositoryName, of registry: RegistryID) async throws -> Repository {
        guard let repository = try await repositories.find(name, in: registry) else {
            throw Refusal.repositoryNotFound(name, in: registry)
        }
        return repository
    }

    /// Stores a pushed manifest, its bytes untouched, and points the tag at it. On disk when this returns.
    ///
    /// - Parameters:
    ///   - reference: a tag; a digest, which the bytes must have; nil for neither.
    package func put(
        _ bytes: ByteBuffer, contentType: String?, as reference: Reference?, in name: RepositoryName,
        of registry: RegistryID
    ) async throws -> PutImage {
        let repository = try await repository(name, of: registry)
        try blobs.check(repository)
        let manifest = try Manifest.pushed(bytes, contentType: contentType, as: reference)
        let scope = blobs.place(of: manifest.digest, in: repository).scope
        let sealedKey = try await repositories.sealedKey(of: repository)
        let sealed = try seal.seal(manifest, in: repository, sealedKey: sealedKey)
        let now = clock.now
        let wasAlreadyThere = try await database.commit { sql in
            let repository = try RepositoryTable.current(repository, sql)
            try Self.checkReferences(of: manifest, in: repository, scope: scope, sql)
            let added = try ImageTable.insert(
                ImageTable.New(
                    repository: repository.id, manifest: manifest, sealedManifest: sealed,
                    size: ImageTable.size(of: manifest, in: repository.id, sql), at: now, origin: .push), sql)
            guard case .tag(let tag)? = reference else { return !added }
            return try Self.point(tag, to: manifest.digest, in: repository, sql) && !added
        }
        memory.forget(repository.id)
        return PutImage(
            digest: manifest.digest, mediaType: manifest.mediaType, subject: manifest.subject?.digest,
            wasAlreadyThere: wasAlreadyThere)
    }

    /// Moves the tag if it may move. True where it pointed there already.
    private static func point(
        _ tag: Tag, to digest: Digest, in repository: Repository, _ sql: any SQLConnection
    ) throws -> Bool {
        let before = try ImageTable.digest(of: tag, in: repository.id, sql)
        if let before, before != digest, !repository.mutability.mayMove(tag) {
            throw Refusal.imageTagAlreadyExists(tag, in: repository.name)
        }
        try ImageTable.point(tag, to: digest, in: repository.id, checkedAt: nil, sql)
        return before == digest
    }

    /// What a manifest names must be here first, pushed to this repository or admitted to it.
    private static func checkReferences(
        of manifest: Manifest, in repository: Repository, scope: String, _ sql: any SQLConnection
    ) throws {
        let wanted = Array(Set(manifest.blobs.map(\.digest))).sorted()
        let present = try BlobTable.present(wanted, in: repository.id, scope: scope, sql)
        let missing = wanted.filter { !present.contains($0) }
        guard missing.isEmpty else { throw Refusal.layersNotFound(missing, in: repository) }
        let absent = try manifest.children.map(\.digest).filter {
            try !ImageTable.exists($0, in: repository.id, sql)
        }
        guard absent.isEmpty else { throw Refusal.referencedImagesNotFound(absent, in: repository) }
    }

    /// Removes a tag, or an image with all its tags: `DELETE /v2/<name>/manifests/<reference>`.
    package func delete(
        _ reference: Reference, in name: RepositoryName, of registry: RegistryID
    ) async throws {
        let repository = try await repository(name, of: registry)
        try await database.write { sql in
            switch reference {
            case .tag(let tag):
                guard try ImageTable.removeTag(tag, in: repository.id, sql) else { throw Refusal.imageNotFound }
            case .digest(let digest):
                let lists = try ImageTable.lists(naming: digest, in: repository.id, sql)
                guard lists.isEmpty else { throw Refusal.referencedByManifestList(lists) }
                guard try ImageTable.remove(digest, in: repository.id, sql) else { throw Refusal.imageNotFound }
            }
        }
        memory.forget(repository.id)
    }
}

extension Manifest {
    /// Reads what a client pushed; says what is wrong with it in ECR's form.
    fileprivate static func pushed(
        _ bytes: ByteBuffer, contentType: String?, as reference: Reference?
    ) throws(Refusal) -> Manifest {
        var algorithm = Digest.Algorithm.sha256
        if case .digest(let digest)? = reference { algorithm = digest.algorithm }
        let manifest: Manifest
        do throws(ManifestError) {
            manifest = try Manifest(bytes, contentType: contentType, algorithm: algorithm)
        } catch {
            if case .tooLarge = error { throw Refusal(.manifestTooLarge, "\(error)") }
            throw Refusal(
                .manifestInvalid,
                "Invalid parameter at 'ImageManifest' failed to satisfy constraint: '\(error)'")
        }
        if case .digest(let digest)? = reference, digest != manifest.digest {
            throw Refusal(
                .imageDigestDoesNotMatch,
                "The manifest has the digest \(manifest.digest), not \(digest) under which it was pushed")
        }
        return manifest
    }
}
