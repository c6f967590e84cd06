import Testing
import WeirCore
import WeirIdentity

/// The checks of a web identity token, each with the tokens that it must refuse.
@Suite struct WebTokenTests {
    private static let facts = OIDCProviderFacts(
        issuer: OIDCIssuer(Minting.issuer) ?? { fatalError("no issuer") }(), clientIDs: ["sts.amazonaws.com", "client-1"])

    private static func tokens(_ port: FakeIssuer = FakeIssuer()) -> WebTokens {
        WebTokens(keySets: IssuerKeySets(port: port, clock: SetClock().clock))
    }

    @Test(arguments: WebTokenRows.rows) func eachStepRefusesWhatIsItsOwn(row: WebTokenRows.Row) async throws {
        let port = FakeIssuer()
        let text = try row.token()
        do {
            let verified = try await Self.tokens(port).verify(text, now: Minting.now) { issuer in
                issuer.url == Minting.issuer ? Self.facts : nil
            }
            #expect(row.step == nil, "taken")
            #expect(verified.subject == "repo:o/r:ref:refs/heads/main")
        } catch let refusal as TokenRefusal {
            #expect(refusal.step == row.step && refusal.code == row.code, "\(refusal.detail)")
            for text in [refusal.message, refusal.detail] { #expect(!text.isEmpty && text.utf8.count < 500) }
            if refusal.step < .key { #expect(port.asked.isEmpty, "the issuer was asked before it was known") }
        }
        #expect(port.asked.allSatisfy { !$0.contains("evil") })
        let steps = try await Self.tokens().explain(text, now: Minting.now) { issuer in
            issuer.url == Minting.issuer ? Self.facts : nil
        }
        .steps
        #expect(steps.map(\.step) == TokenStep.allCases || row.step != nil)
        #expect(steps.first { $0.outcome == .failed }?.step == row.step)
        #expect(steps.filter { $0.outcome == .passed }.allSatisfy { row.step == nil || $0.step < row.step ?? .tags })
    }

    @Test("Every step has its rows") func stepsHaveRows() {
        #expect(Set(WebTokenRows.rows.compactMap(\.step)) == Set(TokenStep.allCases))
    }

    @Test(arguments: ForeignTokens.tokens) func whatAnotherLibrarySignedIsTaken(algorithm: String, token: String) async throws {
        let port = FakeIssuer()
        port.manner.keys = Array(ForeignTokens.keys.utf8)
        let verified = try await Self.tokens(port).verify(token, now: Minting.now) { _ in Self.facts }
        #expect(verified.subject == "repo:o/r:ref:refs/heads/main" && verified.tokenID == "one")
    }

    @Test func aProviderWithoutClientsAcceptsNoToken() async throws {
        let facts = OIDCProviderFacts(issuer: Self.facts.issuer, clientIDs: [])
        for changes in [[:], ["aud": "\"\""], ["azp": "\"\""]] as [[String: String?]] {
            let text = try Minting.token(changes)
            await #expect(throws: TokenRefusal.wrongAudience) {
                try await Self.tokens().verify(text, now: Minting.now) { _ in facts }
            }
        }
    }

    /// Two issuers with a key of the same name: each is asked for its own.
    @Test func aTokenOfOneIssuerIsNoneOfAnother() async throws {
        let port = FakeIssuer()
        port.manner.keys = Minting.keySet([IssuerKey.first.jwk("a")])
        let tokens = Self.tokens(port)
        _ = try await tokens.verify(try Minting.token(), now: Minting.now) { _ in Self.facts }
        let second = try #require(OIDCIssuer("https://second.example"))
        port.manner.keys = Minting.keySet([IssuerKey.other.jwk("a")])
        let forged = try Minting.token(["iss": "\"https://second.example\""])
        let facts = OIDCProviderFacts(issuer: second, clientIDs: ["sts.amazonaws.com"])
        await #expect(throws: TokenRefusal.signatureInvalid) {
            try await tokens.verify(forged, now: Minting.now) { $0 == second ? facts : nil }
        }
        await #expect(throws: TokenRefusal.noProvider(issuer: "https://second.example")) {
            try await tokens.verify(forged, now: Minting.now) { _ in Self.facts }
        }
    }

    @Test func theSentencesAreThoseOfSTS() throws {
        let now = Timestamp(microseconds: 1_800_000_000_900_000)
        let rows: [(TokenRefusal, String, String)] = [
            (
                .notAToken(.parts), "InvalidIdentityToken",
                "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"
            ),
            (
                .noProvider(issuer: "https://x.example/"), "InvalidIdentityToken",
                "No OpenIDConnect provider found in your account for https://x.example/"
            ),
            (
                .keyMissing(.unknown("k")), "InvalidIdentityToken",
                "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity "
                    + "documentation for requirements"
            ),
            (
                .expired(now: now, end: Timestamp(seconds: 1_799_999_000)), "ExpiredTokenException",
                "Token expired: current date/time 1800000000 must be before the expiration date/time 1799999000"
            ),
            (.wrongAudience, "InvalidIdentityToken", "Incorrect token audience"),
        ]
        for (refusal, code, message) in rows { #expect(refusal.code.rawValue == code && refusal.message == message) }
        #expect(TokenRefusal.issuerSilent(IssuerKeysError(.unavailable, "x")).code == .idpCommunicationError)
        let long = TokenRefusal.noProvider(issuer: "https://x\n<b>" + String(repeating: "é", count: 5_000))
        #expect(long.message.utf8.count < 400 && long.message.utf8.allSatisfy { (0x20..<0x7f).contains($0) })
    }

    @Test func aTokenPrintsAsNothing() throws {
        let text = try Minting.token()
        let token = try WebToken(text)
        var dumped = ""
        dump(token, to: &dumped)
        for printed in ["\(token)", String(reflecting: token), dumped] {
            #expect(!printed.contains("repo:o/r") && !text.split(separator: ".").contains { printed.contains($0) })
        }
    }
}

extension TokenStep {
    static func < (left: Self, right: Self) -> Bool {
        (allCases.firstIndex(of: left) ?? 0) < (allCases.firstIndex(of: right) ?? 0)
    }
}
