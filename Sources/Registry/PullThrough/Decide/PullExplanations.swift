package import WeirCore

/// Says what a pull would do now, and why: by the decision that a pull makes (`PullDecision`), and what it would look at besides.
package struct PullExplanations: Sendable {
    let manifests: ManifestPulls

    var images: Images { manifests.images }
    var blobs: Blobs { images.blobs }
    private var imports: ManifestImports { manifests.imports }

    /// Changes nothing.
    ///
    /// - Parameter askUpstream: whether upstream is asked, by one HEAD, what it would answer.
    package func explain(
        _ reference: Reference, in name: RepositoryName, of registry: RegistryID, for caller: Caller,
        askUpstream: Bool = true
    ) async throws -> PullExplanation {
        let context = PullContext(name: name, registry: registry, caller: caller)
        var notes = Notes()
        let rule = try await manifests.rules.rule(covering: name, in: registry)
        let repository = try await manifests.repositories.find(name, in: registry)
        try await note(rule, repository, at: context, &notes)
        do { try await imports.access.permit(caller, "ecr:BatchGetImage", on: name, in: registry) } catch let refusal as Refusal
            where refusal.reason == .accessDenied
        {
            notes.add(.permission, refusal.message)
            return notes.decide(.refuse, "The caller may not pull here")
        }
        let entry: ManifestCache.Entry?
        do {
            entry = try await held(reference, in: repository, &notes)
        } catch let refusal as Refusal {
            return notes.decide(.refuse, refusal.message)
        }
        let decision: PullDecision
        if let entry, let rule {
            decision = manifests.revalidations.decide(on: entry, reference, by: rule, at: context)
            noteFreshness(entry, decision, by: rule, &notes)
        } else if entry != nil {
            decision = .serve(.noRule)
        } else {
            decision = try await imports.decide(
                reference, under: rule, repositoryExists: repository != nil, at: context)
        }
        return try await explain(decision, reference, rule, repository, at: context, askUpstream, notes)
    }

    private func explain(
        _ decision: PullDecision, _ reference: Reference, _ rule: CacheRule?, _ repository: Repository?,
        at context: PullContext, _ askUpstream: Bool, _ notes: Notes
    ) async throws -> PullExplanation {
        var notes = notes
        switch decision {
        case .serve(let reason): return notes.decide(.hit, reason.sentence)
        case .serveStale(let failure):
            return notes.decide(.stale, "Upstream could not be asked a moment ago: \(failure)")
        case .refuse(let reason):
            if case .denied(let refusal) = reason { notes.add(.permission, refusal.message) }
            if case .missingUpstream = reason { notes.add(.permission, Self.mayFetch) }
            return notes.decide(.refuse, reason.sentence)
        case .fetch(let rule):
            notes.add(.permission, Self.mayFetch)
            let problem = askUpstream ? try await noteAnswer(reference, by: rule, at: context, &notes) : nil
            if let problem { return notes.decide(.refuse, Self.told(problem)) }
            return notes.decide(.fetch, "The image is not here: it is fetched from upstream")
        case .revalidate(let tag):
            if askUpstream, let rule, let problem = try await noteAnswer(reference, by: rule, at: context, &notes) {
                return notes.decide(.stale, "What is held is served. \(Self.told(problem))")
            }
            guard let told = notes.upstreamDigest, told != notes.heldDigest, let repository else {
                return notes.decide(.revalidate, "Upstream's word is too old: it is asked whether the tag has moved")
            }
            return notes.decide(
                .revalidate,
                repository.mutability.mayMove(tag)
                    ? "Upstream has moved the tag: the new image is fetched"
                    : "Upstream has moved the tag, which is immutable here: the old image stays")
        }
    }

    private static let mayFetch = "The caller may fetch it from upstream"

    private func note(
        _ rule: CacheRule?, _ repository: Repository?, at context: PullContext, _ notes: inout Notes
    ) async throws {
        let name = context.name
        notes.add(.rule, rule.map { "The rule '\($0.prefix)' covers \(name)" } ?? "No rule covers \(name)")
        if let rule {
            notes.add(.upstream, "\(rule.upstreamURL) calls it \(rule.upstreamRepository(for: name))")
        }
        if repository == nil, rule != nil {
            let plan = try await imports.creation.plan(name, for: .pullThroughCache, in: context.registry)
            notes.add(
                .template,
                plan.template.map { "The repository is made as the creation template '\($0.prefix)' says" }
                    ?? "No creation template matches: the repository is made with ECR's defaults")
        }
        notes.add(.repository, repository == nil ? "The repository does not exist" : "The repository exists")
    }

    /// What is held, with what there is to tell of it. Throws the refusal of a pull that stops here.
    private func held(
        _ reference: Reference, in repository: Repository?, _ notes: inout Notes
    ) async throws -> ManifestCache.Entry? {
        guard let repository else {
            notes.add(.image, "Nothing is held under \(reference)")
            return nil
        }
        try blobs.checkKey(of: repository)
        guard let row = try await images.database.read({ try ImageTable.find(reference, in: repository.id, $0) }) else {
            notes.add(.image, "Nothing is held under \(reference)")
            return nil
        }
        notes.heldDigest = row.digest
        notes.add(.image, "\(row.digest) is held; it came by \(row.origin == .push ? "a push" : "a pull through the cache")")
        guard let entry = try await images.held(reference, in: repository) else {
            notes.add(.image, "What is held is damaged: it is not served, and fetched again")
            return nil
        }
        if let layers = try await layersHere(of: row.digest, in: repository) { notes.add(.layers, layers) }
        if let platforms = try await platformsHere(of: row, in: repository) { notes.add(.platforms, platforms) }
        return entry
    }

    private func noteFreshness(
        _ entry: ManifestCache.Entry, _ decision: PullDecision, by rule: CacheRule, _ notes: inout Notes
    ) {
        if case .serve(.digest) = decision { return }
        guard let checkedAt = entry.checkedAt else { return }
        let window = rule.options.freshness ?? manifests.revalidations.settings.freshness
        notes.add(
            .freshness,
            "Upstream was asked \(Self.told(manifests.tally.clock.now - checkedAt)) ago; its word counts for \(Self.told(window))"
        )
    }

    /// What upstream would answer. Returns why it does not.
    private func noteAnswer(
        _ reference: Reference, by rule: CacheRule, at context: PullContext, _ notes: inout Notes
    ) async throws -> Refusal? {
        do {
            let source = try await imports.sources.source(by: rule, at: context)
            let answer = try await imports.upstream.resolve(reference, in: source)
            notes.upstreamDigest = answer.digest
            notes.add(.upstreamAnswer, answer.digest.map { "It has \($0)" } ?? "It has it, and does not say which digest")
            return nil
        } catch {
            let refusal = Refusal(upstream: error, asking: "\(context.name)\(reference.separator)\(reference)")
            notes.add(.upstreamAnswer, refusal.message)
            return refusal
        }
    }

    /// A sentence that tells an upstream that says no from one that says nothing.
    private static func told(_ problem: Refusal) -> String {
        switch problem.reason {
        case .upstreamUnavailable: "Upstream cannot be asked now: \(problem.message)"
        case .upstreamRateLimited: "Upstream takes no more questions now: \(problem.message)"
        case .imageNotFound: "Upstream does not have it: \(problem.message)"
        case .upstreamInvalid: "Upstream was asked, and its answer cannot be used: \(problem.message)"
        default: "Upstream does not give it: \(problem.message)"
        }
    }

    /// In the largest unit that makes sense to people.
    private static func told(_ duration: Duration) -> String {
        let seconds = max(0, duration.microseconds / 1_000_000)
        return switch seconds {
        case ..<120: "\(seconds) s"
        case ..<7_200: "\(seconds / 60) min"
        default: "\(seconds / 3_600) h"
        }
    }
}

extension PullDecision.ServeReason {
    fileprivate var sentence: String {
        switch self {
        case .noRule: "It is an ordinary repository, and the image is here"
        case .digest: "A digest always names the same content: upstream need not be asked"
        case .pushed: "The tag was pushed here, and upstream has no say in it"
        case .pinned: "The rule pins the tag: upstream is never asked about it again"
        case .fresh: "Upstream's word still counts"
        }
    }
}

extension PullDecision.RefuseReason {
    fileprivate var sentence: String {
        switch self {
        case .noRepository: "There is no such repository, and no rule makes it"
        case .noRule: "The image is not here, and no rule fetches it"
        case .denied: "The caller may not fetch it from upstream"
        case .missingUpstream: "Upstream said a moment ago that there is no such image"
        }
    }
}

/// What has been found so far.
private struct Notes {
    var steps: [PullExplanation.Step] = []
    var heldDigest: Digest?
    var upstreamDigest: Digest?

    mutating func add(_ subject: PullExplanation.Step.Subject, _ finding: String) {
        steps.append(PullExplanation.Step(subject, finding))
    }

    func decide(_ decision: PullExplanation.Decision, _ reason: String) -> PullExplanation {
        PullExplanation(
            decision: decision, reason: reason, steps: steps, heldDigest: heldDigest, upstreamDigest: upstreamDigest)
    }
}
