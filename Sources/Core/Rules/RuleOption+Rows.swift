extension RuleOption {
    /// Every option, in the order in which they are told.
    package static let all: [RuleOption] = [
        RuleOption(
            "freshness", member: "freshnessSeconds", .seconds, \.freshness,
            "How long upstream's word about a tag counts; 0 asks at every pull.",
            words: "freshness", unset: "the server's own (--freshness)",
            flaw: RuleSyntax.atLeast(.zero, "freshness must not be less than 0 seconds")),
        RuleOption(
            "referrers-freshness", member: "referrersFreshnessSeconds", .seconds, \.referrersFreshness,
            "How long upstream's list of referrers counts.",
            words: "freshness of referrers", unset: "6 h",
            flaw: RuleSyntax.atLeast(.zero, "referrersFreshness must not be less than 0 seconds")),
        RuleOption(
            "pin", member: "pinnedTags", .texts("pattern", count: 0...RuleSyntax.patterns), \.pinnedTags,
            "A tag, or a pattern with *, that upstream is never asked about again. May be repeated; replaces the list.",
            words: "pinned tags", unset: "none", flaw: RuleSyntax.flaw(ofPatterns:)),
        // Before `fetch`: a word that is given with a list goes before it.
        RuleOption(
            "platform", member: "platforms", .platforms, \.fetch,
            "A platform to fetch when a list is pulled. May be repeated.", words: nil, unset: ""),
        RuleOption(
            "fetch", .fetch, \.fetch, "What is fetched of a multi-platform image when its list is pulled.",
            words: "fetched of lists", unset: "what clients ask for", flaw: RuleSyntax.flaw(of:)),
        RuleOption(
            "tags",
            .choice([
                (RuleOptions.TagList.local.rawValue, "what is here", nil),
                (RuleOptions.TagList.merged.rawValue, "with upstream's", nil),
            ]),
            \.tagList, "Whether a list of tags holds upstream's as well as those that are here.",
            words: "lists of tags", unset: "what is here"),
        RuleOption(
            "connections", .count(1...10_000), \.connections, "Requests at a time.",
            words: "requests at a time", unset: "the server's own",
            flaw: RuleSyntax.atLeast(1, "connections must be at least 1")),
        RuleOption(
            "requests-per-second", member: "requestsPerSecond", .rate, \.requestsPerSecond, "Requests a second.",
            words: "requests a second", unset: "no limit", flaw: RuleSyntax.flaw(ofRate:)),
        RuleOption(
            "bytes-per-second", member: "bytesPerSecond", .bytes, \.bytesPerSecond, "Bytes a second, 1024 or more.",
            words: "bytes a second", unset: "no limit", flaw: RuleSyntax.atLeast(1_024, "bytesPerSecond must be at least 1024")),
        RuleOption(
            "plain-http", member: "plainHTTP", .flag, \.plainHTTP, "Whether the upstream speaks http without TLS.",
            words: "plain http", unset: "no", whyOnlyOther: "which speaks TLS"),
        RuleOption(
            "path-prefix", member: "pathPrefix", .text("path", length: 0...256), \.pathPrefix,
            "What stands before /v2/ upstream.",
            words: "path before /v2/", unset: "none", whyOnlyOther: "whose paths begin with /v2/",
            flaw: RuleSyntax.flaw(ofPath:)),
    ]
}

/// `fetch` is two options: a word, and the platforms that one of the words speaks of.
extension RuleOptionKind<RuleOptions.Fetch> {
    fileprivate static var platforms: Self {
        RuleOptionKind(
            form: .texts(value: "os/arch[/variant]", count: 1...RuleOptions.platformsLimit),
            json: { if case .platforms(let names) = $0 { .array(names.map { .string($0) }) } else { nil } }
        ) { value, _ in value.strings.map { .platforms($0) } }
    }

    fileprivate static var fetch: Self {
        let words: [RuleOption.Choice] = [
            ("requested", "what clients ask for", nil), ("all", "everything that they name", nil),
            ("platforms", ", and what clients ask for", "platforms"),
        ]
        return RuleOptionKind(
            form: .choice(words),
            json: { fetch in
                switch fetch {
                case .requested: "requested"
                case .all: "all"
                case .platforms: "platforms"
                }
            }
        ) { word, fetch in
            switch word {
            case "requested": .requested
            case "all": .all
            case "platforms": fetch
            default: nil
            }
        }
    }
}

/// What the texts among the options may be.
private enum RuleSyntax {
    static let patterns = 100

    static func atLeast<Number: Comparable & Sendable>(
        _ least: Number, _ sentence: String
    ) -> @Sendable (Number?) -> String? {
        { number in number.map { $0 < least } == true ? sentence : nil }
    }

    static func flaw(ofRate rate: Double?) -> String? {
        rate.map { $0 > 0 && $0.isFinite } == false ? "requestsPerSecond must be greater than 0" : nil
    }

    static func flaw(ofPath path: String?) -> String? {
        path.map(isPath) == false ? "pathPrefix must be a path such as /artifactory/api/docker/images" : nil
    }

    static func flaw(ofPatterns tags: [String]) -> String? {
        if tags.count > patterns { return "pinnedTags may hold \(patterns) patterns" }
        let bad = tags.first { !isPattern($0) }
        return bad.map { "pinnedTags: '\($0.prefix(200))' is not a tag with '*' for any characters" }
    }

    static func flaw(of fetch: RuleOptions.Fetch) -> String? {
        guard case .platforms(let names) = fetch else { return nil }
        let limit = RuleOptions.platformsLimit
        if names.isEmpty || names.count > limit { return "fetch must name 1 to \(limit) platforms" }
        let bad = names.first { !isPlatform($0) }
        return bad.map { "fetch: '\($0.prefix(100))' is not a platform such as linux/arm64 or linux/arm/v7" }
    }

    private static func isPattern(_ text: String) -> Bool {
        (1...128).contains(text.utf8.count)
            && text.utf8.allSatisfy { isWord($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "*") }
    }

    private static func isPlatform(_ text: String) -> Bool {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        return (2...3).contains(parts.count) && text.utf8.count <= 100
            && parts.allSatisfy { part in
                !part.isEmpty && part.utf8.allSatisfy { isWord($0) || $0 == UInt8(ascii: ".") }
            }
    }

    /// Segments of unreserved characters, none of them `.` or `..`.
    private static func isPath(_ text: String) -> Bool {
        guard text.hasPrefix("/"), (2...200).contains(text.utf8.count) else { return false }
        return text.dropFirst().split(separator: "/", omittingEmptySubsequences: false).allSatisfy { part in
            !part.isEmpty && part != "." && part != ".."
                && part.utf8.allSatisfy { isWord($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "~") }
        }
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
            || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
    }
}
