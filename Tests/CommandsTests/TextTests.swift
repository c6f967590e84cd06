import Testing
import WeirCommands
import WeirCore

/// How answers are shown to people.
@Suite struct TextTests {
    // MARK: Tables

    private let rows = [["NAME", "WHY"], ["a", "short"], ["longer", String(repeating: "x", count: 100)]]

    @Test func columnsAreAligned() {
        #expect(Table([["A", "B", "C"], ["long", "b", "c"]]).text(within: nil) == "A     B  C\nlong  b  c\n")
    }

    @Test("The last column is cut to the terminal", arguments: [40, 80, 107])
    func cut(width: Int) {
        let lines = Table(rows).text(within: width).split(separator: "\n")
        #expect(lines.allSatisfy { $0.count <= width })
        #expect(lines[1] == "a       short")
        #expect(lines[2].count == width && lines[2].hasSuffix("x…"))
    }

    @Test(arguments: [nil, 108, 500]) func whatFitsIsNotCut(width: Int?) {
        #expect(Table(rows).text(within: width).contains(String(repeating: "x", count: 100) + "\n"))
    }

    @Test func aTerminalThatIsTooNarrowStillShowsSomething() {
        #expect(Table(rows).text(within: 5).contains("xxxxxxxxxxx…\n"))
    }

    /// A row of one cell is a heading, and not part of a column.
    @Test func aHeadingIsNotCut() {
        let heading = "since the server's start, which was long ago"
        #expect(Table([[heading], ["a", "b"]]).text(within: 20).hasPrefix(heading + "\n"))
    }

    // MARK: Numbers

    @Test(
        arguments: [
            (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536, "1.5 KiB"), (5 << 20, "5.0 MiB"), (3 << 40, "3.0 TiB"),
            (Int64.max, "8388608.0 TiB"),
        ] as [(Int64, String)])
    func bytes(count: Int64, shown: String) { #expect(Shown.bytes(count) == shown) }

    @Test(
        arguments: [
            (0, "0 s"), (60, "60 s"), (90, "90 s"), (120, "2 min"), (3_600, "60 min"), (3_601, "3601 s"), (86_400, "24 h"),
            (172_800, "2 d"), (31_536_000, "365 d"),
        ] as [(Int64, String)])
    func whatIsSetIsToldExactly(seconds: Int64, shown: String) { #expect(Shown.exact(seconds) == shown) }

    @Test(arguments: [
        (100.0, 100.0, "0 s ago"), (100, 163.4, "63 s ago"), (0, 7_199, "119 min ago"), (0, 7_200, "2 h ago"),
        (0, 864_000, "10 d ago"),
        // The server's clock is ahead, or far off.
        (200, 100, "0 s ago"), (-1e300, 1e300, "106751991167300 d ago"),
    ])
    func ago(moment: Double, now: Double, shown: String) { #expect(Shown.ago(moment, now: now) == shown) }

    // MARK: Rules

    private let rule: JSONValue = [
        "ecrRepositoryPrefix": "docker-hub", "upstreamRegistryUrl": "registry-1.docker.io", "upstreamKind": "docker-hub",
        "hasCredential": .bool(true), "createdAt": .number(1),
        "options": [
            "freshnessSeconds": .integer(3_600), "referrersFreshnessSeconds": .integer(60),
            "pinnedTags": .array(["v*", "stable"]),
            "fetch": "platforms", "platforms": .array(["linux/arm64"]), "connections": .integer(2),
            "requestsPerSecond": .number(2.5),
            "bytesPerSecond": .integer(2_048), "plainHTTP": .bool(true), "pathPrefix": "/p",
        ],
        "traffic": [
            "hits": .integer(3), "misses": .integer(1), "failures": .integer(1), "hitRatio": .number(0.6),
            "bytesIn": .integer(1_024),
        ],
        "upstream": [
            "host": "registry-1.docker.io", "breaker": "open", "lastSuccess": .number(900),
            "lastError": [
                "at": .number(940), "kind": "rateLimited", "message": .string(String(repeating: "no more ", count: 20)),
                "status": .integer(429),
            ],
            "quota": ["limit": .integer(100), "remaining": .integer(7)],
        ],
    ]

    @Test func aRuleIsToldInWords() {
        let text = RuleText.whole(rule)
        let lines = Set(text.split(separator: "\n").map { $0.split(separator: " ").joined(separator: " ") })
        for line in [
            "freshness 60 min", "freshness of referrers 60 s", "pinned tags v* stable",
            "fetched of lists linux/arm64, and what clients ask for", "requests at a time 2 at most",
            "requests a second 2.5 at most",
            "bytes a second 2.0 KiB at most", "plain http yes", "path before /v2/ /p", "secret yes", "quota left 7/100",
            "since the server's start", "hit ratio 60 %",
        ] {
            #expect(lines.contains(line), "\(line) is not in:\n\(text)")
        }
        #expect(text.contains("too many requests: no more") && text.contains("(status 429)"))
    }

    @Test("The API's names are not for people", arguments: RuleOption.all)
    func noMembers(option: RuleOption) {
        guard option.member.contains(where: \.isUppercase) else { return }
        for rule in [rule, ["options": [:]]] { #expect(!RuleText.whole(rule).contains(option.member)) }
    }

    @Test func whatNobodySetIsTheServersOwn() {
        let text = RuleText.whole(["ecrRepositoryPrefix": "x", "options": ["fetch": "requested", "plainHTTP": .bool(false)]])
        #expect(text.contains("the server's own") && !text.contains("[") && !text.contains("null") && !text.contains("false"))
        #expect(!text.contains("(failed:"), "what did not happen needs no explanation")
    }

    @Test func theTableFitsAndSaysSinceWhen() {
        let text = RuleText.table([rule], within: 120, now: 1_000)
        let lines = text.split(separator: "\n")
        #expect(lines.count == 3 && lines.allSatisfy { $0.count <= 120 })
        #expect(lines[1].contains("100 s ago") && lines[1].contains("60 s ago: no mo") && lines[1].hasSuffix("…"))
        #expect(lines[2].contains("since the server's start"))
        #expect(RuleText.table([rule], within: nil, now: 1_000).contains("no more no more"))
        #expect(RuleText.table([], within: 120, now: 0).contains("create-pull-through-cache-rule"))
    }
}
