import Testing
import WeirCore

@Suite struct GlobTests {
    @Test(
        "Patterns are anchored, and a star stands for any run",
        arguments: [
            ("", "", true), ("", "a", false), ("*", "", true), ("*", "anything/at.all", true), ("v1", "v1", true),
            ("v1", "v10", false), ("v1", "av1", false), ("v1*", "v1", true), ("v1*", "v1.2.3", true), ("*-rc", "1.0-rc", true),
            ("*-rc", "1.0-rc2", false), ("*a*b*", "xxaxxbxx", true), ("*a*b*", "xxbxxaxx", false), ("a**b", "ab", true),
            ("a*b*c", "abcbc", true), ("a*b*c", "abcbd", false), ("*ab", "aab", true), ("*aab", "aaab", true),
            ("V1", "v1", false), ("v?", "v1", false), ("v?", "v?", true), (".", "a", false), ("[a]", "a", false),
        ])
    func matches(pattern: String, text: String, isMatch: Bool) {
        #expect(Glob(pattern).matches(text) == isMatch)
    }

    @Test(
        "A question mark is one character where it is asked for",
        arguments: [
            ("v?", "v1", true), ("v?", "v", false), ("v?", "v12", false), ("?*", "", false), ("*?", "a", true),
            ("a?c*", "abcd", true),
        ])
    func questionMarks(pattern: String, text: String, isMatch: Bool) {
        #expect(Glob(pattern, questionMarks: true).matches(text) == isMatch)
    }

    @Test(.timeLimit(.minutes(1)))
    func aHostilePatternTakesNoLongerThanItsLength() {
        // A matcher that backtracks into every star would need exponential time.
        let pattern = String(repeating: "a*", count: 200) + "b"
        #expect(!Glob(pattern).matches(String(repeating: "a", count: 5000)))
    }
}

@Suite struct TagMutabilityTests {
    @Test(
        "A tag moves where the setting and its filters let it",
        arguments: [
            (TagMutability.Setting.mutable, [], "latest", true), (.immutable, [], "latest", false),
            (.immutableWithExclusion, ["latest", "dev-*"], "latest", true),
            (.immutableWithExclusion, ["latest", "dev-*"], "dev-7", true),
            (.immutableWithExclusion, ["latest", "dev-*"], "v1", false),
            (.immutableWithExclusion, ["latest"], "latest2", false), (.immutableWithExclusion, [], "latest", false),
            (.mutableWithExclusion, ["v*"], "v1.0", false), (.mutableWithExclusion, ["v*"], "latest", true),
            (.mutableWithExclusion, [], "latest", true),
        ] as [(TagMutability.Setting, [String], String, Bool)])
    func mayMove(setting: TagMutability.Setting, filters: [String], tag: String, may: Bool) throws {
        #expect(try TagMutability(setting, excluding: filters).mayMove(Tag(tag)) == may)
    }

    @Test func theWordsAreECRs() {
        #expect(
            TagMutability.Setting.allCases.map(\.rawValue) == [
                "MUTABLE", "IMMUTABLE", "IMMUTABLE_WITH_EXCLUSION", "MUTABLE_WITH_EXCLUSION",
            ])
        #expect(TagMutability.Setting.allCases.map(\.hasExclusions) == [false, false, true, true])
    }
}
