import Logging
package import WeirCore

/// Lists of tags, and upstream's part in them.
package final class TagLists: Sendable {
    let settings: Pulls.Settings
    let images: Images
    let rules: CacheRules
    let access: Access
    let sources: UpstreamSources
    let upstream: any UpstreamRegistry
    let clock: WallClock
    let logger: Logger
    private let questions = SingleFlight<UpstreamTags.Key, UpstreamTags.List>()
    private let upstreamTags = UpstreamTags()

    init(parts: Registry.Parts, images: Images, rules: CacheRules, access: Access, sources: UpstreamSources) {
        settings = parts.pulls
        self.images = images
        self.rules = rules
        self.access = access
        self.sources = sources
        upstream = parts.upstream
        clock = parts.clock
        logger = parts.logger
    }

    func close() async { await questions.close() }

    /// Tags in the order of their bytes, a page at a time: those that are here, and where the repository's rule merges them
    /// (`RuleOptions.TagList`) those that upstream has besides. The caller's right to list has been checked; without the right to
    /// import from upstream it sees what is here.
    ///
    /// Upstream's list counts as long as its word about a tag does. Where it cannot be asked, its last list counts; `warning`
    /// says why.
    package func list(
        in name: RepositoryName, of registry: RegistryID, for caller: Caller, after tag: String?, limit: Int
    ) async throws -> (page: Page<Tag>, warning: String?) {
        let context = PullContext(name: name, registry: registry, caller: caller)
        guard let rule = try await rules.rule(covering: name, in: registry), rule.options.tagList == .merged,
            try await mayImport(context)
        else { return (try await images.tags(in: name, of: registry, after: tag, limit: limit), nil) }
        let (theirs, warning) = try await upstreamsTags(by: rule, at: context)
        var here: [Tag] = []
        if try await images.repositories.find(name, in: registry) != nil {
            // One more than a page, since what follows it decides whether there is a next one.
            here = try await images.tags(in: name, of: registry, after: tag, limit: limit.adding(1)).items
        }
        let merged = Set(here).union(theirs.tags(after: tag ?? "", limit.adding(1))).sorted()
        return (Page(Array(merged.prefix(limit.adding(1))), limit: limit) { $0.description }, warning)
    }

    private func mayImport(_ context: PullContext) async throws -> Bool {
        do {
            try await access.permit(context.caller, "ecr:BatchImportUpstreamImage", on: context.name, in: context.registry)
            return true
        } catch let refusal as Refusal where refusal.reason == .accessDenied {
            return false
        }
    }

    /// Everyone who asks at the same time waits for one question.
    private func upstreamsTags(
        by rule: CacheRule, at context: PullContext
    ) async throws -> (list: UpstreamTags.List, warning: String?) {
        let key = UpstreamTags.Key(rule, at: context)
        let kept = upstreamTags.list(key)
        if let kept, counts(kept, by: rule) { return (kept, nil) }
        if let refusal = upstreamTags.failure(key, at: clock.now) {
            return (try await instead(kept, at: context, because: refusal), refusal.message)
        }
        do {
            return (try await questions.join(key) { [self] in try await askForTags(key, by: rule, at: context) }, nil)
        } catch {
            let refusal = Refusal(upstream: error, asking: "the tags of \(context.name)")
            let isMissing = refusal.reason == .repositoryNotFound
            if !isMissing {
                logger.warning(
                    "Upstream could not be asked for its tags; those that are known are listed",
                    metadata: [
                        "repository.name": "\(context.name)", "upstream.host": "\(rule.upstreamURL)",
                        "reason": "\(refusal.reason)",
                        "error": "\(refusal.message)",
                    ])
            }
            upstreamTags.fail(
                refusal, until: clock.now + (isMissing ? settings.rememberMissing : settings.pause(after: error)), key)
            return (try await instead(kept, at: context, because: refusal), refusal.message)
        }
    }

    private func counts(_ list: UpstreamTags.List, by rule: CacheRule) -> Bool {
        list.askedAt.counts(for: rule.options.freshness ?? settings.freshness, at: clock.now)
    }

    /// What counts where upstream gives no list: its last one, or none where something is here. Else nothing is known at all.
    private func instead(
        _ kept: UpstreamTags.List?, at context: PullContext, because refusal: Refusal
    ) async throws -> UpstreamTags.List {
        if let kept { return kept }
        guard try await images.repositories.find(context.name, in: context.registry) != nil else { throw refusal }
        return UpstreamTags.List([], askedAt: clock.now)
    }

    private func askForTags(_ key: UpstreamTags.Key, by rule: CacheRule, at context: PullContext) async throws
        -> UpstreamTags.List
    {
        // Another's question may have been answered since: what it brought counts.
        if let kept = upstreamTags.list(key), counts(kept, by: rule) { return kept }
        let source = try await sources.source(by: rule, at: context)
        var told: [Tag] = []
        do throws(UpstreamError) {
            told = try await upstream.tags(in: source, limit: UpstreamTags.mostTags)
        } catch {
            guard error.kind == .notFound else { throw error }
            // A repository that was pushed here needs none over there.
            guard try await images.repositories.find(context.name, in: context.registry) != nil else {
                throw Refusal.repositoryNotFound(context.name, in: context.registry)
            }
        }
        if told.count >= UpstreamTags.mostTags {
            logger.warning(
                "Upstream has more tags than are listed here",
                metadata: ["repository.name": "\(context.name)", "tags.listed": "\(UpstreamTags.mostTags)"])
        }
        let list = UpstreamTags.List(told, askedAt: clock.now)
        upstreamTags.keep(list, key)
        return list
    }
}
