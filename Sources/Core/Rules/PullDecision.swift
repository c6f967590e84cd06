/// What a pull of a manifest does, decided from what is known when it begins. A pull carries it out, and `weir why` tells it.
///
/// ```
/// held       no rule; a digest; a tag that was pushed, is pinned, or checked recently  → serve
///            upstream failed to answer a moment ago                                    → serveStale
///            else                                                                      → revalidate
/// not held   no rule; the caller may not import; upstream said a moment ago
///            that it does not have it                                                  → refuse
///            else                                                                      → fetch
/// ```
package enum PullDecision: Sendable {
    /// What is held is served. Upstream is not asked.
    case serve(ServeReason)
    /// Upstream is asked by HEAD whether the tag has moved.
    case revalidate(Tag)
    /// What is held is served with a warning. The text says why upstream could not be asked.
    case serveStale(because: String)
    /// The manifest is fetched as the rule says.
    case fetch(CacheRule)
    case refuse(RefuseReason)

    package enum ServeReason: Sendable, CaseIterable {
        case noRule, digest, pushed, pinned, fresh
    }

    package enum RefuseReason: Sendable {
        case noRepository
        /// The repository exists, the image does not, and no rule fetches it.
        case noRule
        case denied(Refusal)
        case missingUpstream(Refusal)
    }

    /// For a manifest that is here.
    ///
    /// - Parameters:
    ///   - checkedAt: when upstream was last asked about the tag; nil where a client pushed it.
    ///   - window: how long upstream's word counts where the rule says nothing.
    ///   - failedCheck: why upstream could not be asked a moment ago. Called only where upstream would be asked.
    package static func held(
        _ reference: Reference, checkedAt: Timestamp?, under rule: CacheRule?, window: Duration,
        at now: Timestamp, failedCheck: () -> String?
    ) -> Self {
        guard let rule else { return .serve(.noRule) }
        guard case .tag(let tag) = reference else { return .serve(.digest) }
        guard let checkedAt else { return .serve(.pushed) }
        if rule.options.pins(tag) { return .serve(.pinned) }
        if checkedAt.counts(for: rule.options.freshness ?? window, at: now) { return .serve(.fresh) }
        return failedCheck().map { .serveStale(because: $0) } ?? .revalidate(tag)
    }

    /// For a manifest that is not here.
    ///
    /// - Parameters:
    ///   - denial: why the caller may not import from upstream.
    ///   - missing: upstream's refusal of a moment ago.
    package static func absent(
        under rule: CacheRule?, repositoryExists: Bool, denial: Refusal?, missing: Refusal?
    ) -> Self {
        guard let rule else { return .refuse(repositoryExists ? .noRule : .noRepository) }
        if let denial { return .refuse(.denied(denial)) }
        if let missing { return .refuse(.missingUpstream(missing)) }
        return .fetch(rule)
    }
}

extension Timestamp {
    /// Whether what upstream said at this moment still counts. A moment more than a minute ahead, from a clock that was wrong,
    /// does not.
    package func counts(for window: Duration, at now: Timestamp) -> Bool {
        let age = now - self
        return age < window && age > .seconds(-60)
    }
}
