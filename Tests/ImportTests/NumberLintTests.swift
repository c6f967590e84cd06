import Testing

/// Arithmetic on numbers from outside. An overflow is a trap, and a trap ends the server for all clients: so sizes become
/// `ByteCount`s where they are parsed, tallies saturate, and fractions become whole numbers by `Int64(saturating:)`.
@Suite struct NumberLintTests {
    private let files = SourceFile.all

    private static let sum = #"reduce\((Int(64)?\()?0\)?, *\+\)|reduce\(0\) *\{ *\$0 \+"#
    private static let end = #"\b(last|first|upperBound)(Byte)? *\+ *1\b|\blast(Byte)? *- *(\w+\.)?first"#
    private static let bare =
        #"\bU?Int(64|32|16)?\((?!saturating:|exactly:|clamping:|truncatingIfNeeded:|bitPattern:|bigEndian:)"#
    private static let parsed = #"\bInt(64)?\((\$0|text|header|value|\w*parts\[|\w*ends\[|\w*halves\[)"#

    @Test func sumsSaturate() throws {
        let found = try files.lines(matching: Self.sum)
        #expect(found.isEmpty, "Say `.total`: it stays at the largest number there is.\(found.listed)")
    }

    @Test func rangesAreHalfOpenFromTheDoorOn() throws {
        let found = try files.lines(matching: Self.end)
        #expect(
            found.isEmpty,
            "The last byte's number may be the largest there is: make a Range of it where it is parsed (ContentRange).\(found.listed)"
        )
    }

    /// Counts and sums of bytes that strangers can make as large as they like.
    private static let tallies = [
        "Registry/PullThrough/Rules/RuleTraffic.swift", "Registry/PullThrough/Import/WarmJobs.swift",
        "Registry/PullThrough/Import/Warmups.swift",
        "Registry/Collection/CollectionReport.swift", "Registry/Collection/VerifyReport.swift",
        "Upstream/Health/UpstreamHealth.swift",
    ]

    @Test func talliesSaturate() throws {
        let kept = files.filter { Self.tallies.contains($0.path) }
        #expect(kept.count == Self.tallies.count, "A file of NumberLintTests.tallies is gone: \(kept)")
        let found = try kept.lines(matching: #" [+-]= "#)
        #expect(found.isEmpty, "Say `.add(…)` or `.subtracting(…)`: a tally must not end the server.\(found.listed)")
    }

    /// Files that use `Double` and convert other things to whole numbers, and what those are.
    private static let turnsOtherThings: [String: String] = [
        "Core/Policies/PolicyTest.swift": "a text",
        "Registry/PullThrough/Fill/BlobTransfer.swift": "counts of bytes in memory",
        "Core/JSON/JSONParser.swift": "the text of a number, and hexadecimal digits",
        "Core/Rules/RuleOption.swift": "counts",
        "Settings/ByteSize.swift": "the numbers of units",
        "Commands/Numbers.swift": "the text of a number",
    ]

    @Test func fractionsBecomeWholeNumbersWithoutATrap() throws {
        let speaking = try files.filter { try !$0.lines(matching: #"\bDouble\b|\btimeIntervalSince"#).isEmpty }
        let found = try speaking.filter { $0.name != "Saturation.swift" }.lines(matching: Self.bare)
        let strays = found.filter { Self.turnsOtherThings[$0.file.path] == nil }
        #expect(
            strays.isEmpty,
            """
            `Int64(1e300)` ends the server. Say `Int64(saturating:)` or `Int64(exactly:)`; where it is no fraction that is turned, give \
            the file a line in NumberLintTests.turnsOtherThings.\(strays.listed)
            """)
        let idle = Self.turnsOtherThings.keys.filter { path in !found.contains { $0.file.path == path } }.sorted()
        #expect(idle.isEmpty, "Take their lines out of NumberLintTests.turnsOtherThings: \(idle)")
    }

    /// Where the text of a header becomes a number without being a `ByteCount`, and why that is safe.
    private static let boundsThemselves: [String: String] = [
        "Upstream/Health/RetryAfter.swift": "no longer than a day, and the parts of a date",
        "Web/Distribution/DistributionAPI+Lists.swift": "a page's length: more than a thousand is refused",
        "Web/Distribution/ByteRange.swift":
            "what does not fit stands for a byte beyond every blob, and is cut to the blob's size",
    ]

    @Test func numbersInHeadersAreBounded() throws {
        let doors = files.filter { $0.room == "Upstream" || $0.path.hasPrefix("Web/Distribution/") }
        let found = try doors.lines(matching: Self.parsed).filter { !$0.text.contains("Int64(part") }
        let strays = found.filter { Self.boundsThemselves[$0.file.path] == nil }
        #expect(strays.isEmpty, "Say `ByteCount(digits:)`: what is computed from it cannot overflow.\(strays.listed)")
    }

    @Test("The rules find what they look for")
    func theRulesThemselves() throws {
        let text = [
            "a.reduce(0, +)", "a.reduce(Int64(0), +)", "a.reduce(0) { $0 + $1.size }", "a.total", "range.last + 1",
            "last - first + 1",
            "to.upperBound+1", "Int64(value)", "Int64(saturating: value)", "Int(exactly: value)", "Int64($0)", "Int64(ends[0])",
        ]
        let file = SourceFile(room: "Core", path: "Core/X.swift", lines: text)
        #expect(try file.lines(matching: Self.sum).map(\.line) == [1, 2, 3])
        #expect(try file.lines(matching: Self.end).map(\.line) == [5, 6, 7])
        #expect(try file.lines(matching: Self.bare).map(\.line) == [2, 8, 11, 12])
        #expect(try file.lines(matching: Self.parsed).map(\.line) == [8, 11, 12])
    }
}
