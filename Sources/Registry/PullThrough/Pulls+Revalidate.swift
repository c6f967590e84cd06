import Logging
import Metrics
import WeirCore

extension Pulls {
    /// How long it takes until a tag is looked at again whose upstream was known to be away without being asked.
    private static let recheckAfterSilence: Duration = .seconds(5)
    /// An upstream that asks for more patience is asked again after this all the same.
    private static let longestPause: Duration = .seconds(3600)

    /// Whether upstream is to be asked about the tag at a pull, at this moment.
    func isStale(_ tag: Tag, checkedAt: Timestamp, by rule: CacheRule) -> Bool {
        !rule.options.pins(tag) && !isWithin(window(of: rule), since: checkedAt)
    }

    /// Whether upstream's word of a moment still counts. One of the future, from a clock that was wrong, does not.
    func isWithin(_ window: Duration, since checkedAt: Timestamp) -> Bool {
        let age = clock.now - checkedAt
        return age < window && age > .seconds(-60)
    }

    func window(of rule: CacheRule) -> Duration { rule.options.freshness ?? settings.freshness }

    /// A cached tag whose window is over. Everyone who asks meanwhile waits for the one question to upstream.
    func revalidate(
        _ tag: Tag, _ held: ServedManifest, in repository: Repository, by rule: CacheRule, at place: Place
    ) async throws -> ServedManifest {
        let key = FlightKey(registry: place.registry, name: place.name, reference: .tag(tag))
        if let failure = failedChecks.failure(of: key, at: clock.now) {
            return stale(held, because: failure, by: rule, at: place)
        }
        return try await checks.join(key) { [self] in
            if let known = try await answered(tag, in: repository, by: rule) { return count(known, .hit, by: rule, at: place) }
            do {
                return try await check(tag, held, in: repository, by: rule, at: place).served
            } catch {
                let refusal = Refusal(upstream: error, asking: "the tag \(tag)")
                logger.warning(
                    "Upstream could not be asked about a cached tag; what is held is served",
                    metadata: [
                        "repository.name": "\(place.name)", "tag": "\(tag)", "upstream.host": "\(rule.upstreamURL)",
                        "reason": "\(refusal.reason)", "error": "\(refusal.message)",
                    ])
                events.emit(.pullThroughFailed(rule, .tag(tag), at: place, because: refusal))
                events.emit(.staleServed(rule, tag, digest: held.digest, at: place, because: refusal.message))
                failedChecks.remember(refusal.message, of: key, at: clock.now, for: pause(after: error))
                return stale(held, because: refusal.message, by: rule, at: place)
            }
        }
    }

    /// What is held, where another's question was answered after this tag was found stale: one question for each expiry.
    private func answered(_ tag: Tag, in repository: Repository, by rule: CacheRule) async throws -> ServedManifest? {
        guard let entry = try await held(.tag(tag), in: repository), let checkedAt = entry.checkedAt,
            !isStale(tag, checkedAt: checkedAt, by: rule)
        else { return nil }
        return ServedManifest(entry)
    }

    func pause(after error: any Error) -> Duration {
        guard let error = error as? UpstreamError else { return settings.retryUpstreamAfter }
        // The driver said no by itself, which costs nothing, and knows first when upstream is back.
        if !error.wasAsked, error.kind == .unavailable { return min(Self.recheckAfterSilence, settings.retryUpstreamAfter) }
        if let asked = error.retryAfter { return min(max(asked, settings.retryUpstreamAfter), Self.longestPause) }
        return settings.retryUpstreamAfter
    }

    /// One question, and what follows from its answer; `told` is nil where upstream did not say which digest it has.
    func check(
        _ tag: Tag, _ held: ServedManifest, in repository: Repository, by rule: CacheRule, at place: Place
    ) async throws -> (served: ServedManifest, told: Digest?) {
        let source = try await source(of: place.name, by: rule, in: place.registry, place.priority)
        let upstreamDigest = try await upstream.resolve(.tag(tag), in: source).digest
        let isNew = upstreamDigest != held.digest
        if isNew, repository.mutability.mayMove(tag) {
            let served = try await fetch(.tag(tag), by: rule, from: source, at: place)
            events.emit(.pulledThrough(rule, .tag(tag), digest: served.digest, at: place))
            let outcome: PullOutcome = served.digest == held.digest ? .revalidated : .updated
            return (count(served, outcome, by: rule, at: place), upstreamDigest)
        }
        if isNew, upstreamDigest != nil {
            logger.info(
                "Upstream moved a tag that is immutable here; the old image stays",
                metadata: ["repository.name": "\(place.name)", "tag": "\(tag)"])
        }
        let now = clock.now
        try await database.write { try ImageTable.touch(tag, in: repository.id, at: now, $0) }
        images.memory.touch(.tag(tag), in: repository.id, checkedAt: now)
        fetchListed(by: held, under: rule, at: place)
        return (count(held, .revalidated, by: rule, at: place), upstreamDigest)
    }

    private func stale(
        _ held: ServedManifest, because reason: String, by rule: CacheRule, at place: Place
    ) -> ServedManifest {
        var served = held
        served.warning = reason
        return count(served, .stale, by: rule, at: place)
    }
}
