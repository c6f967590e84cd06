import Logging
import Metrics
import WeirCore

extension Referrers {
    /// What upstream says of the manifest's referrers, where a rule fills the repository: the kept answer, or a new one where
    /// that is too old. All who ask meanwhile share one request. Where upstream fails in any way, the kept answer is served with
    /// a warning.
    func fromUpstream(
        _ subject: Digest, _ known: KnownRepository?, at context: PullContext
    ) async throws -> (referrers: [Referrer], warning: String?) {
        guard let rule = try await rules.rule(covering: context.name, in: context.registry) else {
            guard known != nil else { throw Refusal.repositoryNotFound(context.name, in: context.registry) }
            return ([], nil)
        }
        let (kept, isPushed) = try await kept(subject, in: known)
        if isPushed { return ([], nil) }
        if let kept, kept.checkedAt.counts(for: window(of: rule), at: parts.clock.now) { return (kept.referrers, nil) }
        if kept == nil {
            try await access.permit(
                context.caller, "ecr:BatchImportUpstreamImage", on: context.name, in: context.registry)
        }
        let key = context.key(.digest(subject))
        if let kept, let failure = failures.failure(of: key, at: parts.clock.now) {
            return stale(kept, because: failure)
        }
        do {
            let answer = try await questions.join(key) { [self] in
                try await ask(subject, known, by: rule, at: context)
            }
            count("asked")
            return (answer.referrers, nil)
        } catch {
            let refusal = Refusal(upstream: error, asking: "the referrers of \(subject)")
            parts.logger.warning(
                "Upstream could not be asked for referrers",
                metadata: [
                    "repository.name": "\(context.name)", "subject": "\(subject)", "upstream.host": "\(rule.upstreamURL)",
                    "reason": "\(refusal.reason)", "error": "\(refusal.message)",
                ])
            guard let kept else { throw refusal }
            failures.remember(refusal.message, of: key, at: parts.clock.now, for: parts.pulls.retryUpstreamAfter)
            return stale(kept, because: refusal.message)
        }
    }

    /// Upstream's kept answer, and whether the image was pushed by a client.
    private func kept(
        _ subject: Digest, in known: KnownRepository?
    ) async throws -> (UpstreamListing?, isPushed: Bool) {
        guard let known else { return (nil, false) }
        let (row, origin) = try await parts.database.read { sql in
            (
                try ReferrerTable.listing(of: subject, in: known.repository.id, sql),
                try ImageTable.find(.digest(subject), in: known.repository.id, sql)?.origin
            )
        }
        return (try row.flatMap { try UpstreamListing($0, of: subject, in: known, parts.keyring) }, origin == .push)
    }

    private func ask(
        _ subject: Digest, _ known: KnownRepository?, by rule: CacheRule, at context: PullContext
    ) async throws -> UpstreamListing {
        let source = try await sources.source(by: rule, at: context)
        var told: [UpstreamReferrer] = []
        do throws(UpstreamError) {
            told = try await parts.upstream.referrers(of: subject, artifactType: nil, in: source)
        } catch {
            // A subject that upstream lacks has no referrers there: OCI 1.1 asks for an empty list.
            guard error.kind == .notFound else { throw error }
        }
        let listing = UpstreamListing(
            told.prefix(Self.maxFromUpstream).map { Referrer($0) }, checkedAt: parts.clock.now)
        if let known {
            let row = try listing.row(of: subject, in: known, parts.keyring)
            try await parts.database.commit { try ReferrerTable.put(row, of: subject, in: known.repository.id, $0) }
        }
        return listing
    }

    private func stale(_ kept: UpstreamListing, because reason: String) -> (referrers: [Referrer], warning: String?) {
        count("stale")
        return (kept.referrers, reason)
    }

    private func count(_ outcome: String) {
        Counter(label: "weir_referrer_questions_total", dimensions: [("outcome", outcome)]).increment()
    }

    /// How long upstream's answer counts.
    private func window(of rule: CacheRule) -> Duration { rule.options.referrersFreshness ?? Self.freshness }
}

extension Referrer {
    fileprivate init(_ told: UpstreamReferrer) {
        self.init(
            digest: told.digest, mediaType: told.mediaType, size: told.size, artifactType: told.artifactType,
            annotations: told.annotations)
    }
}
