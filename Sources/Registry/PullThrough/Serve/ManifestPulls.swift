package import WeirCore

/// Pulls of manifests: what is held is served, what is not is imported (`PullDecision`).
package final class ManifestPulls: Sendable {
    let repositories: Repositories
    let images: Images
    let rules: CacheRules
    let imports: ManifestImports
    let revalidations: Revalidations
    let pullTimes: PullTimes
    let tally: PullTally
    private let underWay = PullsUnderWay()

    init(
        repositories: Repositories, images: Images, rules: CacheRules, imports: ManifestImports, revalidations: Revalidations,
        pullTimes: PullTimes, tally: PullTally
    ) {
        self.repositories = repositories
        self.images = images
        self.rules = rules
        self.imports = imports
        self.revalidations = revalidations
        self.pullTimes = pullTimes
        self.tally = tally
    }

    /// The manifest that `reference` names, noted as pulled. The caller's right to read it has been checked; what a first pull
    /// needs besides is checked here.
    ///
    /// - Parameter isHead: the client asks by HEAD.
    package func pull(
        _ reference: Reference, in name: RepositoryName, of registry: RegistryID, for caller: Caller, isHead: Bool = false
    ) async throws -> ServedManifest {
        var context = PullContext(name: name, registry: registry, caller: caller)
        if let address = RequestOrigin.current.address {
            context.counts = underWay.begins(
                reference, isHead: isHead, by: .init(address: address, registry: registry, name: name), at: tally.clock.now)
        }
        let served = try await pull(reference, at: context)
        if let repository = try await repositories.find(name, in: registry) {
            try await pullTimes.note(served.digest, in: repository, by: caller)
        }
        return served
    }

    /// The same, without a note that it was pulled.
    func pull(_ reference: Reference, at context: PullContext) async throws -> ServedManifest {
        if let repository = try await repositories.find(context.name, in: context.registry) {
            try images.blobs.checkKey(of: repository)
            if let entry = try await images.held(reference, in: repository) {
                return try await serve(entry, reference, in: repository, at: context)
            }
        }
        return try await imports.bring(reference, at: context)
    }

    private func serve(
        _ entry: ManifestCache.Entry, _ reference: Reference, in repository: Repository, at context: PullContext
    ) async throws -> ServedManifest {
        let held = ServedManifest(entry)
        guard let rule = try await rules.rule(covering: context.name, in: context.registry) else {
            tally.count(.hit, by: nil, at: context)
            return held
        }
        switch revalidations.decide(on: entry, reference, by: rule, at: context) {
        case .revalidate(let tag):
            return try await revalidations.revalidate(tag, held, in: repository, by: rule, at: context)
        case .serveStale(let reason):
            return revalidations.stale(held, because: reason, by: rule, at: context)
        case .serve, .fetch, .refuse:
            tally.count(.hit, by: rule, at: context)
            return held
        }
    }
}

extension ServedManifest {
    init(_ entry: ManifestCache.Entry) {
        self.init(digest: entry.digest, mediaType: entry.mediaType, bytes: entry.bytes)
    }

    init(_ manifest: Manifest) {
        self.init(digest: manifest.digest, mediaType: manifest.mediaType, bytes: manifest.bytes)
    }
}
