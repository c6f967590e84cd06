import Logging
package import WeirCore

/// Cached tags whose window is over: upstream is asked by one HEAD for all who wait, and what is new is imported.
package final class Revalidations: Sendable {
    let settings: Pulls.Settings
    let images: Images
    let imports: ManifestImports
    let tally: PullTally
    let logger: Logger
    private let checks = SingleFlight<PullKey, ServedManifest>()
    /// Why a check of a tag failed, upstream or here: a dead upstream's time-out is paid once and not at each pull.
    private let failedChecks = NegativeCache<PullKey, String>()

    init(settings: Pulls.Settings, images: Images, imports: ManifestImports, tally: PullTally, logger: Logger) {
        self.settings = settings
        self.images = images
        self.imports = imports
        self.tally = tally
        self.logger = logger
    }

    func close() async { await checks.close() }

    private var now: Timestamp { tally.clock.now }

    func decide(
        on entry: ManifestCache.Entry, _ reference: Reference, by rule: CacheRule, at context: PullContext
    ) -> PullDecision {
        let now = now
        return .held(reference, checkedAt: entry.checkedAt, under: rule, window: settings.freshness, at: now) {
            failedChecks.failure(of: context.key(reference), at: now)
        }
    }

    /// Serves what upstream has. Where the check fails in any way, what is held is served with a warning.
    ///
    /// One check for all who wait: it counts once, and is as urgent as the first of them. No right to import is asked: the
    /// repository follows its upstream for every reader (docs/ecr.md).
    func revalidate(
        _ tag: Tag, _ held: ServedManifest, in repository: Repository, by rule: CacheRule, at context: PullContext
    ) async throws -> ServedManifest {
        let key = context.key(.tag(tag))
        return try await checks.join(key) { [self] in
            // One question for each expiry: this tag may have been found stale before another's question was answered. A tag that
            // was pushed meanwhile is asked about once more: what comes does not replace it (`ImageTable.kept`).
            if let entry = try await images.held(.tag(tag), in: repository), entry.checkedAt != nil,
                case .serve = decide(on: entry, .tag(tag), by: rule, at: context)
            {
                tally.count(.hit, by: rule, at: context)
                return ServedManifest(entry)
            }
            do {
                return try await check(tag, held, in: repository, by: rule, at: context).served
            } catch {
                let refusal = Refusal(upstream: error, asking: "the tag \(tag)")
                logger.warning(
                    "Upstream could not be asked about a cached tag; what is held is served",
                    metadata: [
                        "repository.name": "\(context.name)", "tag": "\(tag)", "upstream.host": "\(rule.upstreamURL)",
                        "reason": "\(refusal.reason)", "error": "\(refusal.message)",
                    ])
                imports.events.emit(.pullThroughFailed(rule, .tag(tag), at: context, because: refusal))
                imports.events.emit(.staleServed(rule, tag, digest: held.digest, at: context, because: refusal.message))
                failedChecks.remember(refusal.message, of: key, at: now, for: settings.pause(after: error))
                return stale(held, because: refusal.message, by: rule, at: context)
            }
        }
    }

    func stale(
        _ held: ServedManifest, because reason: String, by rule: CacheRule, at context: PullContext
    ) -> ServedManifest {
        var served = held
        served.warning = reason
        tally.count(.stale, by: rule, at: context)
        return served
    }

    /// One question, and what follows from its answer; `told` is nil where upstream did not say which digest it has.
    private func check(
        _ tag: Tag, _ held: ServedManifest, in repository: Repository, by rule: CacheRule, at context: PullContext
    ) async throws -> (served: ServedManifest, told: Digest?) {
        let source = try await imports.sources.source(by: rule, at: context)
        let told = try await imports.upstream.resolve(.tag(tag), in: source).digest
        let isNew = told != held.digest
        if isNew, repository.mutability.mayMove(tag) {
            let served = try await imports.fetch(.tag(tag), by: rule, from: source, at: context)
            imports.events.emit(.pulledThrough(rule, .tag(tag), digest: served.digest, at: context))
            tally.count(served.digest == held.digest ? .revalidated : .updated, by: rule, at: context)
            return (served, told)
        }
        if isNew, told != nil {
            logger.info(
                "Upstream moved a tag that is immutable here; the old image stays",
                metadata: ["repository.name": "\(context.name)", "tag": "\(tag)"])
        }
        let now = now
        try await images.database.write { try ImageTable.noteChecked(tag, in: repository.id, at: now, $0) }
        images.manifestCache.noteChecked(.tag(tag), in: repository.id, checkedAt: now)
        imports.fetchListed(by: held, under: rule, at: context)
        tally.count(.revalidated, by: rule, at: context)
        return (held, told)
    }

    /// Asks upstream about a tag now, whatever its window, and imports what is new. The caller's right to the operation has been
    /// checked; the right to import from upstream is checked here.
    ///
    /// Throws why upstream did not answer: what is held stays then as it is.
    package func refresh(
        _ tag: Tag, in name: RepositoryName, of registry: RegistryID, for caller: Caller
    ) async throws -> RefreshOutcome {
        let context = PullContext(name: name, registry: registry, caller: caller)
        guard let rule = try await imports.rules.rule(covering: name, in: registry) else {
            throw Refusal(
                .invalidParameter, "No pull through cache rule covers the repository \(name), so there is nothing to refresh")
        }
        try await imports.access.permit(caller, "ecr:BatchImportUpstreamImage", on: name, in: registry)
        imports.forgetFailure(of: .tag(tag), at: context)
        failedChecks.forget(context.key(.tag(tag)))
        guard let repository = try await images.repositories.find(name, in: registry),
            let entry = try await images.held(.tag(tag), in: repository)
        else {
            let served = try await imports.bring(.tag(tag), at: context)
            return RefreshOutcome(change: .fetched, before: nil, after: served.digest)
        }
        // A client pushed it: upstream has no say in it.
        guard entry.checkedAt != nil else {
            return RefreshOutcome(change: .kept, before: entry.digest, after: entry.digest)
        }
        do {
            let (served, told) = try await check(tag, ServedManifest(entry), in: repository, by: rule, at: context)
            let change: RefreshOutcome.Change =
                served.digest != entry.digest ? .updated : told == nil || told == entry.digest ? .unchanged : .kept
            return RefreshOutcome(change: change, before: entry.digest, after: served.digest)
        } catch {
            throw Refusal(upstream: error, asking: "the tag \(tag)")
        }
    }
}

extension Pulls.Settings {
    /// How long it takes until a tag is looked at again whose upstream was known to be away without being asked.
    private static let recheckAfterSilence: Duration = .seconds(5)
    /// An upstream that asks for more patience is asked again after this all the same.
    private static let longestPause: Duration = .seconds(3600)

    /// How long upstream is not asked the same again after it failed.
    func pause(after error: any Error) -> Duration {
        guard let error = error as? UpstreamError else { return retryUpstreamAfter }
        // `Upstreams` refused by itself, which costs nothing, and knows first when upstream is back.
        if !error.wasAsked, error.kind == .unavailable { return min(Self.recheckAfterSilence, retryUpstreamAfter) }
        if let asked = error.retryAfter { return min(max(asked, retryUpstreamAfter), Self.longestPause) }
        return retryUpstreamAfter
    }
}
