import Logging
import WeirCore

extension ManifestImports {
    /// Fetches a manifest, verifies it, stores it with its repository and tag, and starts fetching what it names.
    func fetch(
        _ reference: Reference, by rule: CacheRule, from source: UpstreamSource, at context: PullContext
    ) async throws -> ServedManifest {
        let answer = try await upstream.manifest(reference, in: source)
        let manifest = try Manifest.fetched(answer, as: reference, from: source)
        guard let (repository, kept) = try await storeWhereThereIsRoom(manifest, reference, at: context) else {
            return ServedManifest(manifest)
        }
        images.manifestCache.forget(repository.id)
        if kept != nil, let entry = try await images.held(reference, in: repository) {
            return ServedManifest(entry)
        }
        try await prefetch(manifest, into: repository, from: source)
        fetchListed(manifest, under: rule, at: context)
        return ServedManifest(manifest)
    }

    /// Nil where not even a row finds room and the manifest must pass through unstored. Its blobs need the repository: without it
    /// that is no use.
    private func storeWhereThereIsRoom(
        _ manifest: Manifest, _ reference: Reference, at context: PullContext
    ) async throws -> (repository: Repository, kept: Digest?)? {
        do { return try await store(manifest, reference, at: context) } catch let refusal as Refusal
            where refusal.reason == .storageFull
        {
            guard try await repositories.find(context.name, in: context.registry) != nil else { throw refusal }
            return nil
        }
    }

    /// One transaction: the repository, if it is missing, with everything its template says; the image; the tag.
    ///
    /// `kept` is what the tag names instead, where somebody pushed it meanwhile or it may not move.
    private func store(
        _ manifest: Manifest, _ reference: Reference, at context: PullContext
    ) async throws -> (repository: Repository, kept: Digest?) {
        // Another pull may create the repository meanwhile: then the UNIQUE constraint says so, and its repository is used.
        for _ in 0..<3 {
            if let repository = try await repositories.find(context.name, in: context.registry) {
                do {
                    let sealedKey = try await repositories.sealedKey(of: repository)
                    let kept = try await store(
                        manifest, reference, in: repository, sealedKey: sealedKey, creating: nil)
                    return (repository, kept)
                } catch let refusal as Refusal where refusal.reason == .repositoryNotFound {
                    // Deleted meanwhile: this pull is then the first one.
                    repositories.forget(context.name, in: context.registry)
                    continue
                }
            }
            let new = try await creation.prepare(creation.plan(context.name, for: .pullThroughCache, in: context.registry))
            do {
                _ = try await store(
                    manifest, reference, in: new.repository, sealedKey: new.sealedKey, creating: new)
            } catch let error as SQLError where error.isUnique {
                repositories.forget(context.name, in: context.registry)
                continue
            }
            repositories.forget(context.name, in: context.registry)
            logger.info(
                "Repository created by a pull",
                metadata: [
                    "repository.name": "\(context.name)", "registry": "\(context.registry)",
                    "repository.encryption": "\(new.repository.encryption.type)",
                ])
            return (new.repository, nil)
        }
        throw Refusal(
            .limitExceeded, "The repository \(context.name) is being created and deleted at once. Try again")
    }

    private func store(
        _ manifest: Manifest, _ reference: Reference, in repository: Repository, sealedKey: [UInt8],
        creating new: NewRepository?
    ) async throws -> Digest? {
        let sealed = try images.seal.seal(manifest, in: repository, sealedKey: sealedKey)
        let now = tally.clock.now
        return try await images.database.commit { sql in
            if let new { _ = try Repositories.insert(new, sql) }
            let repository = try RepositoryTable.current(repository, sql)
            if case .tag(let tag) = reference,
                let kept = try ImageTable.kept(tag, insteadOf: manifest.digest, in: repository, sql)
            {
                return kept
            }
            _ = try ImageTable.insert(
                ImageTable.New(
                    repository: repository.id, manifest: manifest, sealedManifest: sealed,
                    size: ImageTable.size(of: manifest, in: repository.id, sql), at: now, origin: .cache), sql)
            if case .tag(let tag) = reference {
                try ImageTable.point(tag, to: manifest.digest, in: repository.id, checkedAt: now, sql)
            }
            return nil
        }
    }

    /// Starts fetching every blob that the manifest names and this repository may not serve yet, before the client asks. What
    /// another repository brought is not fetched again: upstream is only asked whether this one has it too.
    private func prefetch(
        _ manifest: Manifest, into repository: Repository, from source: UpstreamSource
    ) async throws {
        let wanted = manifest.blobs
        guard !wanted.isEmpty else { return }
        let scope = images.blobs.location(of: manifest.digest, in: repository).scope
        let absent = try await images.database.read { sql in
            try wanted.filter {
                let status = try BlobTable.status(of: $0.digest, in: repository.id, scope: scope, sql)
                return status.held == nil || status.membership == nil
            }
        }
        var source = source
        source.priority = max(source.priority, .prefetch)
        for blob in absent {
            fills.join(
                Fills.Order(digest: blob.digest, size: blob.size, repository: repository, source: source))
        }
    }
}

extension Manifest {
    /// Reads what upstream sent, and compares it with what was asked for: the bytes decide, not a header.
    fileprivate static func fetched(
        _ answer: UpstreamManifest, as reference: Reference, from source: UpstreamSource
    ) throws -> Manifest {
        var algorithm = Digest.Algorithm.sha256
        if case .digest(let digest) = reference { algorithm = digest.algorithm }
        let manifest: Manifest
        do throws(ManifestError) {
            manifest = try Manifest(answer.bytes, contentType: answer.mediaType, algorithm: algorithm)
        } catch {
            throw Refusal(
                .upstreamInvalid, "What the upstream registry \(source.host) sent for \(reference) is no manifest: \(error)")
        }
        if case .digest(let digest) = reference, digest != manifest.digest {
            throw Refusal(
                .upstreamInvalid,
                "The upstream registry \(source.host) sent a manifest with the digest \(manifest.digest) for \(digest)")
        }
        return manifest
    }
}
