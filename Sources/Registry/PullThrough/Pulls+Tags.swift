import Logging
package import WeirCore

extension Pulls {
    /// Tags in the order of their bytes, a page at a time: those that are here, and where the repository's rule merges them
    /// (`RuleOptions.TagList`) those that upstream has besides. The caller's right to list has been checked; without the right to
    /// import from upstream it sees what is here.
    ///
    /// Upstream's list counts as long as its word about a tag does. Where it cannot be asked, its last list counts; `warning`
    /// says why.
    package func tags(
        in name: RepositoryName, of registry: RegistryID, for caller: Caller, after tag: String?, limit: Int
    ) async throws -> (page: Page<Tag>, warning: String?) {
        let place = Place(name: name, registry: registry, caller: caller)
        guard let rule = try await rules.rule(covering: name, in: registry), rule.options.tagList == .merged,
            try await mayImport(place)
        else { return (try await images.tags(in: name, of: registry, after: tag, limit: limit), nil) }
        let (theirs, warning) = try await upstreamsTags(by: rule, at: place)
        var here: [Tag] = []
        if try await repositories.find(name, in: registry) != nil {
            // One more than a page, since what follows it decides whether there is a next one.
            here = try await images.tags(in: name, of: registry, after: tag, limit: limit.adding(1)).items
        }
        let merged = Set(here).union(theirs.tags(after: tag ?? "", limit.adding(1))).sorted()
        return (Page(Array(merged.prefix(limit.adding(1))), limit: limit) { $0.description }, warning)
    }

    private func mayImport(_ place: Place) async throws -> Bool {
        do {
            try await access.permit(place.caller, "ecr:BatchImportUpstreamImage", on: place.name, in: place.registry)
            return true
        } catch let refusal as Refusal where refusal.reason == .accessDenied {
            return false
        }
    }

    /// Everyone who asks at the same time waits for one question.
    private func upstreamsTags(
        by rule: CacheRule, at place: Place
    ) async throws -> (list: UpstreamTags.List, warning: String?) {
        let key = UpstreamTags.Key(rule, at: place)
        let kept = upstreamTags.list(key)
        if let kept, isWithin(window(of: rule), since: kept.askedAt) { return (kept, nil) }
        if let refusal = upstreamTags.failure(key, at: clock.now) {
            return (try await instead(kept, at: place, because: refusal), refusal.message)
        }
        do {
            return (try await tagLists.join(key) { [self] in try await askForTags(key, by: rule, at: place) }, nil)
        } catch {
            let refusal = Refusal(upstream: error, asking: "the tags of \(place.name)")
            let isMissing = refusal.reason == .repositoryNotFound
            if !isMissing {
                logger.warning(
                    "Upstream could not be asked for its tags; those that are known are listed",
                    metadata: [
                        "repository.name": "\(place.name)", "upstream.host": "\(rule.upstreamURL)", "reason": "\(refusal.reason)",
                        "error": "\(refusal.message)",
                    ])
            }
            upstreamTags.fail(refusal, until: clock.now + (isMissing ? settings.rememberMissing : pause(after: error)), key)
            return (try await instead(kept, at: place, because: refusal), refusal.message)
        }
    }

    /// What counts where upstream gives no list: its last one, or none where something is here. Else nothing is known at all.
    private func instead(
        _ kept: UpstreamTags.List?, at place: Place, because refusal: Refusal
    ) async throws -> UpstreamTags.List {
        if let kept { return kept }
        guard try await repositories.find(place.name, in: place.registry) != nil else { throw refusal }
        return UpstreamTags.List([], askedAt: clock.now)
    }

    private func askForTags(_ key: UpstreamTags.Key, by rule: CacheRule, at place: Place) async throws -> UpstreamTags.List {
        // Whoever looked before another's question was answered finds here what it brought.
        if let kept = upstreamTags.list(key), isWithin(window(of: rule), since: kept.askedAt) { return kept }
        let source = try await source(of: place.name, by: rule, in: place.registry)
        var told: [Tag] = []
        do throws(UpstreamError) {
            told = try await upstream.tags(in: source, limit: UpstreamTags.mostTags)
        } catch {
            guard error.kind == .notFound else { throw error }
            // A repository that was pushed here needs none over there.
            guard try await repositories.find(place.name, in: place.registry) != nil else {
                throw Refusal.repositoryNotFound(place.name, in: place.registry)
            }
        }
        if told.count >= UpstreamTags.mostTags {
            logger.warning(
                "Upstream has more tags than are listed here",
                metadata: ["repository.name": "\(place.name)", "tags.listed": "\(UpstreamTags.mostTags)"])
        }
        let list = UpstreamTags.List(told, askedAt: clock.now)
        upstreamTags.keep(list, key)
        return list
    }
}
