import Logging
import Metrics
import Synchronization
import WeirCore

extension Pulls {
    /// A cached tag whose window is over. Everyone who asks meanwhile waits for the one question to upstream.
    func revalidate(
        _ tag: Tag, _ held: ServedManifest, in repository: Repository, by rule: CacheRule, at place: Place
    ) async throws -> ServedManifest {
        let key = FlightKey(registry: place.registry, name: place.name, reference: .tag(tag))
        if let failure = failedChecks.failure(of: key, at: clock.now) { return stale(held, because: failure) }
        return try await checks.join(key) { [self] in
            do {
                return try await check(tag, held, in: repository, by: rule, at: place)
            } catch {
                let refusal = Refusal(upstream: error, asking: "the tag \(tag)")
                logger.warning(
                    "Upstream could not be asked about a cached tag; what is held is served",
                    metadata: [
                        "repository.name": "\(place.name)", "tag": "\(tag)", "upstream.host": "\(rule.upstreamURL)",
                        "reason": "\(refusal.reason)", "error": "\(refusal.message)",
                    ])
                failedChecks.remember(
                    refusal.message, of: key, until: clock.now + settings.retryUpstreamAfter)
                return stale(held, because: refusal.message)
            }
        }
    }

    private func check(
        _ tag: Tag, _ held: ServedManifest, in repository: Repository, by rule: CacheRule, at place: Place
    ) async throws -> ServedManifest {
        let source = try await source(of: place.name, by: rule, in: place.registry)
        let upstreamDigest = try await upstream.resolve(.tag(tag), in: source).digest
        let isNew = upstreamDigest != held.digest
        if isNew, repository.mutability.mayMove(tag) {
            let served = try await fetch(.tag(tag), from: source, at: place)
            return count(served, served.digest == held.digest ? "revalidated" : "updated")
        }
        if isNew {
            logger.info(
                "Upstream moved a tag that is immutable here; the old image stays",
                metadata: ["repository.name": "\(place.name)", "tag": "\(tag)"])
        }
        let now = clock.now
        try await database.write { try ImageTable.touch(tag, in: repository.id, at: now, $0) }
        images.memory.forget(repository.id)
        return count(held, "revalidated")
    }

    private func stale(_ held: ServedManifest, because reason: String) -> ServedManifest {
        var served = held
        served.warning = reason
        return count(served, "stale")
    }
}

/// The tags that upstream could not be asked about, for a little while: so that a dead upstream costs one time-out and not one for each pull.
final class FailedChecks: Sendable {
    private static let capacity = 10_000

    private let failures = Mutex<[Pulls.FlightKey: (reason: String, until: Timestamp)]>([:])

    func failure(of key: Pulls.FlightKey, at now: Timestamp) -> String? {
        failures.withLock { failures in
            guard let failure = failures[key] else { return nil }
            if now < failure.until { return failure.reason }
            failures[key] = nil
            return nil
        }
    }

    func remember(_ reason: String, of key: Pulls.FlightKey, until: Timestamp) {
        failures.withLock { failures in
            if failures.count >= Self.capacity { failures = [:] }
            failures[key] = (reason, until)
        }
    }
}
