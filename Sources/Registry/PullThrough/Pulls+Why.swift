package import WeirCore

extension Pulls {
    /// Says what a pull would do now and why. It looks at what a pull would look at, in the same order, and changes nothing.
    ///
    /// - Parameter askUpstream: whether upstream is asked, by one HEAD, what it would answer.
    package func why(
        _ reference: Reference, in name: RepositoryName, of registry: RegistryID, for caller: Caller,
        askUpstream: Bool = true
    ) async throws -> PullExplanation {
        let place = Place(name: name, registry: registry, caller: caller)
        var notes = Notes()
        let rule = try await rules.rule(covering: name, in: registry)
        notes.add(.rule, rule.map { "The rule '\($0.prefix)' covers \(name)" } ?? "No rule covers \(name)")
        if let rule {
            notes.add(.upstream, "\(rule.upstreamURL) calls it \(rule.upstreamRepository(for: name))")
        }
        let repository = try await repositories.find(name, in: registry)
        if repository == nil, rule != nil { try await noteTemplate(place, &notes) }
        notes.add(.repository, repository == nil ? "The repository does not exist" : "The repository exists")
        let denied = try await denial(repository != nil, isHeld: true, at: place)
        if let denied {
            notes.add(.permission, denied)
            return notes.decide(.refuse, "The caller may not pull here")
        }
        var row: ImageTable.Row?
        if let repository {
            do { try blobs.check(repository) } catch let refusal as Refusal {
                return notes.decide(.refuse, refusal.message)
            }
            row = try await database.read { try ImageTable.find(reference, in: repository.id, $0) }
        }
        if let repository, let row {
            return try await why(reference, row, in: repository, by: rule, at: place, askUpstream, notes)
        }
        notes.add(.image, "Nothing is held under \(reference)")
        return try await whyCold(reference, exists: repository != nil, by: rule, at: place, askUpstream, notes)
    }

    // MARK: Held

    private func why(
        _ reference: Reference, _ row: ImageTable.Row, in repository: Repository, by rule: CacheRule?, at place: Place,
        _ askUpstream: Bool, _ notes: Notes
    ) async throws -> PullExplanation {
        var notes = notes
        notes.heldDigest = row.digest
        notes.add(.image, "\(row.digest) is held; it came by \(row.origin == .push ? "a push" : "a pull through the cache")")
        guard row.status == .active else { return notes.decide(.refuse, Refusal.imageArchived.message) }
        try await noteLayers(row.digest, in: repository, &notes)
        if let platforms = try await platformsHere(of: row, in: repository) { notes.add(.platforms, platforms) }
        guard let rule else { return notes.decide(.hit, "It is an ordinary repository, and the image is here") }
        guard case .tag(let tag) = reference else {
            return notes.decide(.hit, "A digest always names the same content: upstream need not be asked")
        }
        guard let checkedAt = row.checkedAt else {
            return notes.decide(.hit, "The tag was pushed here, and upstream has no say in it")
        }
        let age = clock.now - checkedAt
        notes.add(
            .freshness, "Upstream was asked \(Self.told(age)) ago; its word counts for \(Self.told(window(of: rule)))")
        if rule.options.pins(tag) {
            return notes.decide(.hit, "The rule pins the tag: upstream is never asked about it again")
        }
        guard isStale(tag, checkedAt: checkedAt, by: rule) else {
            return notes.decide(.hit, "Upstream's word still counts")
        }
        let key = FlightKey(registry: place.registry, name: place.name, reference: reference)
        if let failure = failedChecks.failure(of: key, at: clock.now) {
            return notes.decide(.stale, "Upstream could not be asked a moment ago: \(failure)")
        }
        let problem = try await noteAnswer(reference, by: rule, at: place, askUpstream, &notes)
        if let problem { return notes.decide(.stale, "What is held is served. \(Self.told(problem))") }
        if let told = notes.upstreamDigest, told != row.digest {
            return notes.decide(
                .revalidate,
                repository.mutability.mayMove(tag)
                    ? "Upstream has moved the tag: the new image is fetched"
                    : "Upstream has moved the tag, which is immutable here: the old image stays")
        }
        return notes.decide(.revalidate, "Upstream's word is too old: it is asked whether the tag has moved")
    }

    private func noteLayers(_ digest: Digest, in repository: Repository, _ notes: inout Notes) async throws {
        let scope = blobs.place(of: digest, in: repository).scope
        let (all, here) = try await database.read { sql in
            try ImageBlobTable.presence(of: digest, in: repository.id, scope: scope, sql)
        }
        guard all > 0 else { return }
        notes.add(
            .layers,
            all == here
                ? "All \(all) blobs are stored" : "\(here) of \(all) blobs are stored; the others are fetched when asked for")
    }

    // MARK: Not held

    private func whyCold(
        _ reference: Reference, exists: Bool, by rule: CacheRule?, at place: Place, _ askUpstream: Bool, _ notes: Notes
    ) async throws -> PullExplanation {
        var notes = notes
        guard let rule else {
            return notes.decide(
                .refuse,
                exists ? "The image is not here, and no rule fetches it" : "There is no such repository, and no rule makes it")
        }
        if let denied = try await denial(exists, isHeld: false, at: place) {
            notes.add(.permission, denied)
            return notes.decide(.refuse, "The caller may not fetch it from upstream")
        }
        notes.add(.permission, "The caller may fetch it from upstream")
        let key = FlightKey(registry: place.registry, name: place.name, reference: reference)
        if missing.failure(of: key, at: clock.now) != nil {
            return notes.decide(.refuse, "Upstream said a moment ago that there is no such image")
        }
        let problem = try await noteAnswer(reference, by: rule, at: place, askUpstream, &notes)
        if let problem { return notes.decide(.refuse, Self.told(problem)) }
        return notes.decide(.fetch, "The image is not here: it is fetched from upstream")
    }

    private func noteTemplate(_ place: Place, _ notes: inout Notes) async throws {
        let plan = try await creation.plan(place.name, for: .pullThroughCache, in: place.registry)
        notes.add(
            .template,
            plan.template.map { "The repository is made as the creation template '\($0.prefix)' says" }
                ?? "No creation template matches: the repository is made with ECR's defaults")
    }

    // MARK: Both

    /// Why the caller may not; nil where they may.
    private func denial(_ exists: Bool, isHeld: Bool, at place: Place) async throws -> String? {
        let action = isHeld ? "ecr:BatchGetImage" : "ecr:BatchImportUpstreamImage"
        var demands = [AccessDemand(action, on: .repository(place.name, in: place.registry))]
        if !isHeld, !exists {
            demands += try await creation.plan(place.name, for: .pullThroughCache, in: place.registry).demands
        }
        for demand in demands {
            do {
                try await access.permit(place.caller, demand)
            } catch let refusal as Refusal where refusal.reason == .accessDenied {
                return refusal.message
            }
        }
        return nil
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

    /// What upstream would answer. Returns why it does not.
    private func noteAnswer(
        _ reference: Reference, by rule: CacheRule, at place: Place, _ askUpstream: Bool, _ notes: inout Notes
    ) async throws -> Refusal? {
        guard askUpstream else { return nil }
        do {
            let source = try await source(of: place.name, by: rule, in: place.registry)
            let answer = try await upstream.resolve(reference, in: source)
            notes.upstreamDigest = answer.digest
            notes.add(.upstreamAnswer, answer.digest.map { "It has \($0)" } ?? "It has it, and does not say which digest")
            return nil
        } catch {
            let refusal = Refusal(upstream: error, asking: "\(place.name)\(reference.joint)\(reference)")
            notes.add(.upstreamAnswer, refusal.message)
            return refusal
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
