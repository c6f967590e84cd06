import Logging
import WeirCore

/// Manifests that come from upstream, with the repositories that they make: one import for all who want the same.
final class ManifestImports: Sendable {
    let settings: Pulls.Settings
    let images: Images
    let rules: CacheRules
    let creation: RepositoryCreation
    let access: Access
    let sources: UpstreamSources
    let upstream: any UpstreamRegistry
    let fills: Fills
    let events: any EventSink
    let tally: PullTally
    let logger: Logger
    private let imports = SingleFlight<PullKey, ServedManifest>()
    let lists = SingleFlight<PullKey, Void>()
    /// What upstream does not have.
    private let missing = NegativeCache<PullKey, Refusal>()

    init(
        parts: Registry.Parts, images: Images, rules: CacheRules, creation: RepositoryCreation, access: Access,
        sources: UpstreamSources, fills: Fills, tally: PullTally
    ) {
        settings = parts.pulls
        self.images = images
        self.rules = rules
        self.creation = creation
        self.access = access
        self.sources = sources
        upstream = parts.upstream
        self.fills = fills
        events = parts.events
        self.tally = tally
        logger = parts.logger
    }

    func close() async {
        await lists.close()
        await imports.close()
    }

    var repositories: Repositories { images.repositories }

    /// The decision on a manifest that is not here.
    func decide(
        _ reference: Reference, under rule: CacheRule?, repositoryExists: Bool, at context: PullContext
    ) async throws -> PullDecision {
        .absent(
            under: rule, repositoryExists: repositoryExists,
            denial: rule == nil ? nil : try await denial(at: context, repositoryExists: repositoryExists),
            missing: missing.failure(of: context.key(reference), at: tally.clock.now))
    }

    /// Why the caller may not import: the image, and the repository where that is missing too.
    private func denial(at context: PullContext, repositoryExists: Bool) async throws -> Refusal? {
        do {
            try await access.permit(
                context.caller, "ecr:BatchImportUpstreamImage", on: context.name, in: context.registry)
            if !repositoryExists {
                let plan = try await creation.plan(context.name, for: .pullThroughCache, in: context.registry)
                try await creation.permit(context.caller, plan)
            }
            return nil
        } catch let refusal as Refusal where refusal.reason == .accessDenied {
            return refusal
        }
    }

    /// Brings a manifest that is not here from upstream, or refuses (`PullDecision.absent`).
    func bring(_ reference: Reference, at context: PullContext) async throws -> ServedManifest {
        let rule = try await rules.rule(covering: context.name, in: context.registry)
        let exists = try await repositories.find(context.name, in: context.registry) != nil
        switch try await decide(reference, under: rule, repositoryExists: exists, at: context) {
        case .fetch(let rule): return try await join(reference, by: rule, at: context)
        case .refuse(.noRepository): throw Refusal.repositoryNotFound(context.name, in: context.registry)
        case .refuse(.denied(let refusal)), .refuse(.missingUpstream(let refusal)): throw refusal
        case .refuse(.noRule), .serve, .serveStale, .revalidate: throw Refusal.imageNotFound
        }
    }

    /// One import for all who wait: it counts once, and is as urgent as the first of them.
    private func join(_ reference: Reference, by rule: CacheRule, at context: PullContext) async throws -> ServedManifest {
        let key = context.key(reference)
        return try await imports.join(key) { [self] in
            // Another's import may have ended since the decision: what it brought is here, and upstream is asked no second time.
            if let refusal = missing.failure(of: key, at: tally.clock.now) { throw refusal }
            if let repository = try await repositories.find(context.name, in: context.registry),
                let entry = try await images.held(reference, in: repository)
            {
                tally.count(.hit, by: rule, at: context)
                return ServedManifest(entry)
            }
            do {
                let source = try await sources.source(by: rule, at: context)
                let served = try await fetch(reference, by: rule, from: source, at: context)
                events.emit(.pulledThrough(rule, reference, digest: served.digest, at: context))
                tally.count(.miss, by: rule, at: context)
                return served
            } catch {
                throw failed(reference, by: rule, at: context, because: error)
            }
        }
    }

    private func failed(
        _ reference: Reference, by rule: CacheRule, at context: PullContext, because error: any Error
    ) -> Refusal {
        let refusal = Refusal(
            upstream: error, asking: "\(context.name)\(reference.separator)\(reference)", secret: rule.secretName)
        logger.warning(
            "Pull through failed",
            metadata: [
                "repository.name": "\(context.name)", "reference": "\(reference)",
                "upstream.host": "\(rule.upstreamURL)", "reason": "\(refusal.reason)", "error": "\(refusal.message)",
            ])
        tally.count(refusal, by: rule, at: context)
        events.emit(.pullThroughFailed(rule, reference, at: context, because: refusal))
        if (error as? UpstreamError)?.kind == .notFound {
            missing.remember(refusal, of: context.key(reference), at: tally.clock.now, for: settings.rememberMissing)
        }
        return refusal
    }

    func forgetFailure(of reference: Reference, at context: PullContext) { missing.forget(context.key(reference)) }
}
