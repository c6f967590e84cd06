import Synchronization
import Testing
import WeirCore
import WeirIdentity

/// What is done with an issuer's keys, moment by moment.
@Suite struct KeySetCacheTests {
    private enum Event {
        /// The issuer gives the keys `a` and `b`, to be kept for so many seconds.
        case gave(Int?)
        case gaveNone
        case wasSilent
        case answeredNonsense
        /// A token names this key; what is done.
        case asked(String?, Outcome)
    }

    private enum Outcome: Equatable {
        case use
        /// Keys are used, though the issuer gives no newer ones.
        case useWithTrouble
        /// The same, and the issuer is asked beside.
        case useAndFetch
        case fetch
        case refuseSilent
        case refuseInvalid
    }

    private static let hour = 3_600
    private static let day = 86_400

    /// Seconds since the beginning, and what happens then.
    private static let tables: [(String, [(Int, Event)])] = [
        (
            "an hour where the issuer says nothing",
            [
                (0, .asked("a", .fetch)), (0, .gave(nil)), (0, .asked("a", .use)), (hour - 1, .asked("a", .use)),
                (hour, .asked("a", .fetch)),
            ]
        ),
        ("its Cache-Control", [(0, .gave(600)), (599, .asked("a", .use)), (600, .asked("a", .fetch))]),
        ("a minute at least", [(0, .gave(0)), (59, .asked("a", .use)), (60, .asked("a", .fetch))]),
        ("a day at most", [(0, .gave(10 * day)), (day - 1, .asked("a", .use)), (day, .asked("a", .fetch))]),
        (
            "an unknown kid asks once in 30 s",
            [
                (0, .gave(nil)), (1, .asked("z", .use)), (29, .asked("z", .use)), (30, .asked("z", .fetch)), (31, .gave(nil)),
                (31, .asked("z", .use)), (60, .asked("y", .use)), (61, .asked("x", .fetch)),
            ]
        ),
        (
            "also where the issuer is silent, and its keys stay",
            [
                (0, .gave(nil)), (40, .asked("z", .fetch)), (41, .wasSilent), (41, .asked("z", .useWithTrouble)),
                (42, .asked("a", .use)), (70, .asked("y", .useWithTrouble)), (71, .asked("y", .fetch)),
            ]
        ),
        (
            "also where it gives an empty set, and its keys stay",
            [
                (0, .gave(nil)), (40, .asked("z", .fetch)), (41, .gaveNone), (41, .asked("z", .useWithTrouble)),
                (42, .asked("a", .use)),
                (70, .asked("z", .useWithTrouble)), (71, .asked("z", .fetch)),
            ]
        ),
        (
            "also where it never had keys",
            [
                (0, .asked("a", .fetch)), (1, .wasSilent), (2, .asked("a", .refuseSilent)), (30, .asked("b", .refuseSilent)),
                (31, .asked("a", .fetch)), (32, .answeredNonsense), (33, .asked("a", .refuseInvalid)), (62, .asked("a", .fetch)),
                (63, .gaveNone), (64, .asked("a", .refuseInvalid)), (93, .asked("a", .fetch)), (94, .gave(nil)),
                (94, .asked("a", .use)),
            ]
        ),
        (
            "what is over serves for a day while the issuer is down",
            [
                (0, .gave(nil)), (hour, .asked("a", .fetch)), (hour + 5, .wasSilent), (hour + 6, .asked("a", .useWithTrouble)),
                (hour + 35, .asked("a", .useAndFetch)), (hour + 35, .asked("new", .fetch)), (hour + 40, .wasSilent),
                (hour + 41, .asked("new", .useWithTrouble)), (hour + day - 31, .asked("a", .useAndFetch)),
                (hour + day - 20, .wasSilent), (hour + day - 1, .asked("a", .useWithTrouble)),
                (hour + day, .asked("a", .refuseSilent)),
                (hour + day + 10, .asked("a", .fetch)), (hour + day + 11, .gave(nil)), (hour + day + 11, .asked("a", .use)),
            ]
        ),
        ("a token that names no key asks for none", [(0, .gave(nil)), (100, .asked(nil, .use)), (hour, .asked(nil, .fetch))]),
        (
            "a clock that went back is not believed",
            [
                (10 * day, .gave(60)), (0, .asked("a", .fetch)), (0, .wasSilent), (1, .asked("a", .refuseSilent)),
                (30, .asked("a", .fetch)),
            ]
        ),
    ]

    @Test(arguments: tables.indices) func eachMoment(index: Int) throws {
        let (name, events) = Self.tables[index]
        let issuer = try #require(OIDCIssuer(Minting.issuer))
        let keys = try JSONWebKeySet(parsing: Minting.keySet([IssuerKey.curve256.jwk("a"), IssuerKey.curve384.jwk("b")]))
        let none = try JSONWebKeySet(parsing: Minting.keySet([]))
        var cache = KeySetCache()
        for (second, event) in events {
            let now = Minting.now + .seconds(second)
            switch event {
            case .gave(let age): cache.fetched(keys, maxAge: age.map { .seconds($0) }, of: issuer, now: now)
            case .gaveNone: cache.fetched(none, maxAge: nil, of: issuer, now: now)
            case .wasSilent: cache.failed(IssuerKeysError(.unavailable, "silent"), of: issuer, now: now)
            case .answeredNonsense: cache.failed(IssuerKeysError(.invalid, "nonsense"), of: issuer, now: now)
            case .asked(let id, let expected):
                let outcome: Outcome =
                    switch cache.answer(for: issuer, keyID: id, now: now) {
                    case .use(let found): found.trouble == nil ? .use : .useWithTrouble
                    case .useWhileFetching: .useAndFetch
                    case .fetch: .fetch
                    case .refuse(let error): error.kind == .unavailable ? .refuseSilent : .refuseInvalid
                    }
                #expect(outcome == expected, "\(name), after \(second) s")
            }
        }
    }

    @Test func issuersAreForgottenAndNotPiledUp() throws {
        let keys = try JSONWebKeySet(parsing: Minting.keySet((0..<50).map { IssuerKey.curve256.jwk("k\($0)") }))
        var cache = KeySetCache(capacity: 1_024)
        var held = 0
        let issuers = try (0..<200).map { try #require(OIDCIssuer("https://h\($0).example")) }
        for issuer in issuers { cache.fetched(keys, maxAge: nil, of: issuer, now: Minting.now) }
        for issuer in issuers {
            if case .use = cache.settled(for: issuer, now: Minting.now) { held += 1 }
        }
        #expect((1...20).contains(held))
    }
}

@Suite struct IssuerKeySetsTests {
    private let port = FakeIssuer()
    private let clock = SetClock()
    private let sets: IssuerKeySets
    private let issuer: OIDCIssuer

    init() throws {
        sets = IssuerKeySets(port: port, clock: clock.clock)
        issuer = try #require(OIDCIssuer(Minting.issuer))
    }

    private func trouble(_ keyID: String? = "a") async -> IssuerKeysError? {
        do throws(IssuerKeysError) { return try await sets.keys(of: issuer, keyID: keyID).trouble } catch { return error }
    }

    @Test func theConfigurationNamesTheKeys() async throws {
        let found = try await sets.keys(of: issuer, keyID: "a")
        #expect(found.keys.knows("a") && found.fetchedAt == Minting.now)
        #expect(port.asked == ["\(Minting.issuer)/.well-known/openid-configuration", "https://keys.example/jwks"])
        _ = try await sets.keys(of: issuer, keyID: "b")
        #expect(port.fetches == 1)
    }

    @Test func manyWhoAskAtOnceShareOneFetch() async throws {
        let gate = Gate()
        port.manner.gate = gate
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<50 {
                group.addTask { _ = try await sets.keys(of: issuer, keyID: number % 2 == 0 ? "a" : "z\(number)") }
            }
            while gate.waiting == 0 { await Task.yield() }
            gate.open()
            try await group.waitForAll()
        }
        #expect(port.fetches == 1)
    }

    /// Ten thousand invented keys within 29 s, whatever the issuer answers: one fetch. Another issuer is not concerned.
    @Test(arguments: ["keys", "none", "silent", "nonsense"]) func inventedKeysAskOnce(manner: String) async throws {
        _ = try await sets.keys(of: issuer, keyID: "a")
        switch manner {
        case "none": port.manner.keys = Array(#"{"keys":[]}"#.utf8)
        case "silent": port.manner.error = IssuerKeysError(.unavailable, "time-out")
        case "nonsense": port.manner.keys = Array("<html>".utf8)
        default: break
        }
        clock.set(100)
        let count = manner == "silent" ? 10_000 : 1_000
        for number in 0..<count {
            if number % (count / 25) == 0 { clock.set(100 + Int64(number / (count / 25))) }
            _ = try await sets.keys(of: issuer, keyID: "invented-\(number)")
        }
        #expect(port.fetches == 2)
        // The good key goes on.
        let held = try await sets.keys(of: issuer, keyID: "a")
        #expect(held.keys.knows("a") && held.trouble == nil && port.fetches == 2)
        port.manner = FakeIssuer.Manner()
        let other = try #require(OIDCIssuer("https://second.example"))
        #expect(try await sets.keys(of: other, keyID: "a").keys.knows("a"))
        #expect(port.fetches == 3)
    }

    /// After a first failure nobody waits for an issuer whose keys are held; it is asked all the same.
    @Test func nobodyWaitsForAnIssuerThatIsDown() async throws {
        _ = try await sets.keys(of: issuer, keyID: "a")
        port.manner.error = IssuerKeysError(.unavailable, "down")
        clock.set(3_600)
        #expect(await trouble()?.kind == .unavailable && port.fetches == 2)
        let gate = Gate()
        port.manner = FakeIssuer.Manner(gate: gate)
        clock.set(3_640)
        for _ in 0..<10 { #expect(await trouble()?.kind == .unavailable) }
        while gate.waiting == 0 { await Task.yield() }
        #expect(port.fetches == 3)
        gate.open()
        while await trouble() != nil { await Task.yield() }
        #expect(port.fetches == 3)
    }

    @Test func aRotatedKeyIsFetched() async throws {
        port.manner.keys = Minting.keySet([IssuerKey.curve256.jwk("old")])
        _ = try await sets.keys(of: issuer, keyID: "old")
        port.manner.keys = Minting.keySet([IssuerKey.curve384.jwk("new")])
        clock.set(31)
        #expect(try await sets.keys(of: issuer, keyID: "new").keys.knows("new"))
    }

    @Test func whatIsNoneOfTheIssuersIsRefused() async throws {
        let rows: [(FakeIssuer.Manner, IssuerKeysError.Kind)] = [
            (.init(named: Minting.issuer + "/"), .invalid), (.init(named: "https://evil.example"), .invalid),
            (.init(keysURL: "http://keys.example/jwks"), .invalid), (.init(keysURL: "file:///etc/passwd"), .invalid),
            (.init(keysURL: ""), .invalid), (.init(keys: Array("{}".utf8)), .invalid),
            (.init(keys: Array(#"{"keys":[]}"#.utf8)), .invalid),
            (.init(keys: Array(repeating: 0x20, count: JSONWebKeySet.maxBytes + 1)), .invalid),
            (.init(error: IssuerKeysError(.unavailable, "503")), .unavailable),
            (.init(error: IssuerKeysError(.invalid, "404")), .invalid),
        ]
        for (number, row) in rows.enumerated() {
            clock.set(Int64(number) * 31)
            port.manner = row.0
            #expect(await trouble()?.kind == row.1, "row \(number)")
        }
        #expect(!port.asked.contains { $0.hasPrefix("http:") || $0.hasPrefix("file:") })
    }

    @Test func aSilentIssuerIsToldApartForClients() async throws {
        let tokens = WebTokens(keySets: sets)
        let facts = OIDCProviderFacts(issuer: issuer, clientIDs: ["sts.amazonaws.com"])
        port.manner.error = IssuerKeysError(.unavailable, "issuer.example: connection refused")
        let text = try Minting.token()
        do {
            _ = try await tokens.verify(text, now: Minting.now) { _ in facts }
            Issue.record("taken")
        } catch let refusal as TokenRefusal {
            #expect(refusal.code == .idpCommunicationError && refusal.detail.contains("refused"))
        }
        clock.set(31)
        port.manner.error = IssuerKeysError(.invalid, "issuer.example: it does not have its document (status 404)")
        do {
            _ = try await tokens.verify(text, now: Minting.now) { _ in facts }
            Issue.record("taken")
        } catch let refusal as TokenRefusal { #expect(refusal.code == .invalidIdentityToken && refusal.step == .key) }
        clock.set(62)
        port.manner = FakeIssuer.Manner()
        _ = try await tokens.verify(text, now: Minting.now) { _ in facts }
        // Down again: its keys serve, and a key that it may have made since is no lie.
        port.manner.error = IssuerKeysError(.unavailable, "issuer.example: connection refused")
        clock.set(7_200)
        _ = try await tokens.verify(text, now: Minting.now) { _ in facts }
        let (steps, verified) = try await tokens.explain(text, now: Minting.now) { _ in facts }
        #expect(verified != nil && steps.contains { $0.sentence.contains("no newer ones since") })
        let unknown = try Minting.token(header: Minting.header(kid: "new"))
        await #expect(throws: TokenRefusal.issuerSilent(IssuerKeysError(.unavailable, "issuer.example: connection refused"))) {
            try await tokens.verify(unknown, now: Minting.now) { _ in facts }
        }
    }
}
