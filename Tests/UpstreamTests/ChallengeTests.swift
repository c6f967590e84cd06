import Testing
import WeirUpstream

@Suite struct ChallengeTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let header: String
        let challenges: [Challenge]
        var testDescription: String { header }

        init(_ header: String, _ challenges: [(String, [String: String])]) {
            self.header = header
            self.challenges = challenges.map { Challenge(scheme: $0.0, parameters: $0.1) }
        }
    }

    @Test(
        "Challenges as RFC 9110 has them",
        arguments: [
            Case(
                #"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push""#,
                [
                    (
                        "bearer",
                        [
                            "realm": "https://auth.docker.io/token", "service": "registry.docker.io",
                            "scope": "repository:a/b:pull,push",
                        ]
                    )
                ]),
            Case("Basic realm=\"x\"", [("basic", ["realm": "x"])]),
            Case("BASIC ReAlM = simple", [("basic", ["realm": "simple"])]),
            Case(
                "Basic realm=\"a \\\"quoted\\\" name, with = and \\\\\"",
                [("basic", ["realm": "a \"quoted\" name, with = and \\"])]),
            Case(
                "Negotiate, Basic realm=\"x\", Bearer realm=\"y\",service=z",
                [
                    ("negotiate", [:]), ("basic", ["realm": "x"]), ("bearer", ["realm": "y", "service": "z"]),
                ]),
            Case("Negotiate TlRMTVNTUAACAAAA+/==, Basic realm=x", [("negotiate", [:]), ("basic", ["realm": "x"])]),
            Case(" , ,Basic realm=x , ,, Bearer realm=y,", [("basic", ["realm": "x"]), ("bearer", ["realm": "y"])]),
            Case("Bearer realm=first, realm=second", [("bearer", ["realm": "first"])]),
            Case(
                "Newauth realm=\"apps\", type=1, title=\"Login to \\\"apps\\\"\", Basic realm=\"simple\"",
                [
                    ("newauth", ["realm": "apps", "type": "1", "title": "Login to \"apps\""]), ("basic", ["realm": "simple"]),
                ]),
            // As IBM's registry writes it, without the quotes that the grammar demands.
            Case(
                "Bearer realm=https://cp.icr.io/oauth/token, service=registry, scope=repository:a/b:pull",
                [("bearer", ["realm": "https://cp.icr.io/oauth/token", "service": "registry", "scope": "repository:a/b:pull"])]),
            Case(
                "Bearer realm=https://x/t?a=b&c service=\"y\" , Basic realm=z",
                [("bearer", ["realm": "https://x/t?a=b&c", "service": "y"]), ("basic", ["realm": "z"])]),
            // Two schemes in one header, in both orders, as Gitea and Forgejo send them.
            Case(
                #"Bearer realm="https://x/v2/token",service="s",scope="*",Basic realm="https://x/v2",service="s",scope="*""#,
                [
                    ("bearer", ["realm": "https://x/v2/token", "service": "s", "scope": "*"]),
                    ("basic", ["realm": "https://x/v2", "service": "s", "scope": "*"]),
                ]),
            Case(
                #"Basic realm="a",Bearer realm="https://x/t""#, [("basic", ["realm": "a"]), ("bearer", ["realm": "https://x/t"])]),
            Case("Basic", [("basic", [:])]),
            Case("Bearer realm=\"\"", [("bearer", ["realm": ""])]),
        ])
    func read(_ example: Case) {
        #expect(Challenge.parse(example.header) == example.challenges)
    }

    @Test(
        "What is no challenge yields nothing of what follows",
        arguments: [
            "", ",", "\"", "=", "Bearer=x", "@@@", "Bearer\u{0}realm=x", "\"Bearer realm=x\"",
        ])
    func refused(header: String) { #expect(Challenge.parse(header).isEmpty) }

    @Test func anUnendedQuoteHidesNoSecondRealm() {
        let challenges = Challenge.parse(#"Bearer service=a, realm="https://good/ , Basic realm=x"#)
        #expect(challenges.first?.parameters["realm"] == nil)
        #expect(!challenges.contains { $0.scheme == "basic" })
    }

    @Test func quotedTextNeverBecomesAParameter() {
        let challenges = Challenge.parse(#"Bearer realm="https://good/",x="\", realm=\"https://evil/",service=s"#)
        #expect(challenges.map { $0.parameters["realm"] } == ["https://good/"])
    }

    @Test func noBytesMakeItCrashOrHang() {
        var generator = SplitMix(state: 42)
        let alphabet = Array("Bearer Basic realm=\"x\",= \\ \tscope:/é")
        for _ in 0..<20_000 {
            let length = Int.random(in: 0...40, using: &generator)
            let header = String((0..<length).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &generator)] })
            #expect(Challenge.parse(header).count <= length)
        }
    }
}

/// Random numbers that are the same in every run.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
