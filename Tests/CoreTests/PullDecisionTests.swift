import Testing
import WeirCore

/// What a pull does, from what is known when it begins.
@Suite struct PullDecisionTests {
    private static let now = Timestamp(seconds: 1_800_000_000)
    private static let tag = Reference.tag(try! Tag("1.2"))

    private static func rule(_ options: RuleOptions = RuleOptions()) -> CacheRule {
        CacheRule(
            prefix: try! Prefix("cache", lengths: CacheRule.prefixLengths), upstreamURL: "public.ecr.aws", kind: .ecrPublic,
            options: options,
            createdAt: Timestamp(seconds: 0))
    }

    private static func name(_ decision: PullDecision) -> String {
        switch decision {
        case .serve(let reason): "serve \(reason)"
        case .revalidate(let tag): "revalidate \(tag)"
        case .serveStale(let reason): "stale \(reason)"
        case .fetch: "fetch"
        case .refuse(.noRepository): "refuse noRepository"
        case .refuse(.noRule): "refuse noRule"
        case .refuse(.denied(let refusal)): "refuse \(refusal.message)"
        case .refuse(.missingUpstream(let refusal)): "refuse \(refusal.message)"
        }
    }

    private static func held(
        _ reference: Reference = tag, checked ago: Duration? = .zero, _ options: RuleOptions? = RuleOptions(),
        failed: String? = nil
    ) -> String {
        name(
            .held(
                reference, checkedAt: ago.map { now + (.zero - $0) }, under: options.map(rule), window: .seconds(3600), at: now
            ) { failed })
    }

    @Test func withoutARuleWhatIsHeldIsServed() {
        #expect(Self.held(checked: .seconds(1_000_000), nil, failed: "down") == "serve noRule")
        #expect(Self.held(checked: nil, nil) == "serve noRule")
    }

    @Test func aDigestIsServedWhateverItsAge() throws {
        let digest = Reference.digest(try Digest("sha256:" + String(repeating: "a", count: 64)))
        #expect(Self.held(digest, checked: .seconds(1_000_000), failed: "down") == "serve digest")
    }

    @Test func aPushedTagIsNotAskedAbout() { #expect(Self.held(checked: nil, failed: "down") == "serve pushed") }

    @Test func aPinnedTagIsNotAskedAbout() throws {
        var options = RuleOptions()
        options.pinnedTags = ["1.*"]
        #expect(Self.held(checked: .seconds(1_000_000), options) == "serve pinned")
        options.pinnedTags = ["2.*"]
        #expect(Self.held(checked: .seconds(1_000_000), options) == "revalidate 1.2")
    }

    @Test(
        "The window, to the second, and a clock that was wrong",
        arguments: [
            (0, "serve fresh"), (3_599, "serve fresh"), (3_600, "revalidate 1.2"), (-59, "serve fresh"), (-60, "revalidate 1.2"),
            (-1_000_000, "revalidate 1.2"),
        ])
    func window(seconds: Int64, expected: String) { #expect(Self.held(checked: .seconds(seconds)) == expected) }

    @Test func theRulesWindowComesBeforeTheServers() {
        var options = RuleOptions()
        options.freshness = .seconds(10)
        #expect(Self.held(checked: .seconds(9), options) == "serve fresh")
        #expect(Self.held(checked: .seconds(10), options) == "revalidate 1.2")
    }

    @Test func aFailureOfAMomentAgoCountsOnlyWhereUpstreamWouldBeAsked() {
        #expect(Self.held(checked: .seconds(10), failed: "down") == "serve fresh")
        #expect(Self.held(checked: .seconds(4_000), failed: "down") == "stale down")
    }

    @Test(
        "What is not here", arguments: [false, true],
        [
            (false, nil, nil, "refuse"), (false, "denied", "missing", "refuse"), (true, nil, nil, "fetch"),
            (true, nil, "missing", "refuse missing"), (true, "denied", "missing", "refuse denied"),
        ] as [(Bool, String?, String?, String)])
    func absent(exists: Bool, _ known: (hasRule: Bool, denial: String?, missing: String?, expected: String)) {
        let decision = PullDecision.absent(
            under: known.hasRule ? Self.rule() : nil, repositoryExists: exists,
            denial: known.denial.map { Refusal(.accessDenied, $0) }, missing: known.missing.map { Refusal(.imageNotFound, $0) })
        let expected = known.expected == "refuse" ? exists ? "refuse noRule" : "refuse noRepository" : known.expected
        #expect(Self.name(decision) == expected)
    }
}
