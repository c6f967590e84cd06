import ConformanceSuites
import Foundation
import Testing
import WeirCore
import WeirIdentity
import WeirStorage
import WeirVault

/// A room with a clock that stands still, over an in-memory database.
private struct Room {
    let database: any SQLDatabase
    let rootKey: RootKey
    let keys: AccessKeys
    let credentials: Credentials
    let tokens: RegistryTokens
    let registry: RegistryID
    let now = Timestamp(microseconds: 1_800_000_000_123_456)

    init() async throws {
        database = StrictDatabase(try SQLiteDatabase.inMemory())
        try await database.migrate(IdentitySchema.migrations)
        rootKey = try RootKey(bytes: RootKey.newBytes())
        keys = AccessKeys(database: database, rootKey: rootKey, clock: WallClock { Timestamp(seconds: 1_800_000_000) })
        registry = RegistryID(account: try AccountID("111122223333"), region: try Region("us-east-2"))
        let clock = WallClock { Timestamp(microseconds: 1_800_000_000_123_456) }
        credentials = Credentials(
            keys: keys, principals: Principals(store: IdentityStore(database: database, clock: clock)) { _ in true },
            tokens: SessionTokens(rootKey: rootKey))
        tokens = RegistryTokens(rootKey: rootKey, credentials: credentials, region: registry.region)
        try await keys.add(id: "AKIAEXAMPLE", secret: "marker-secret", account: registry.account)
    }

    func basic(_ password: String, user: String = "AWS", scheme: String = "Basic") -> String {
        "\(scheme) " + Data("\(user):\(password)".utf8).base64EncodedString()
    }

    func issue() throws -> (password: String, expiresAt: Timestamp) {
        try tokens.issue(for: .root(of: registry.account), accessKeyID: "AKIAEXAMPLE", region: registry.region, at: now)
    }
}

@Suite struct AccessKeysTests {
    @Test func aKeyIsThereAfterARestart() async throws {
        let room = try await Room()
        let again = AccessKeys(database: room.database, rootKey: room.rootKey, clock: WallClock { room.now })
        #expect(again.secret(of: "AKIAEXAMPLE") == nil)
        try await again.load()
        let found = try #require(again.secret(of: "AKIAEXAMPLE"))
        #expect(found.secret == Array("marker-secret".utf8))
        #expect(again.owner(of: "AKIAEXAMPLE") == .root(room.registry.account, partition: "aws"))
        #expect(again.createdAt("AKIAEXAMPLE") == Timestamp(seconds: 1_800_000_000))
    }

    /// `identity-2-root` in a database that has keys already: the ARN told root keys from others before.
    @Test func keysOfBeforeStayRootKeys() async throws {
        let database = StrictDatabase(try SQLiteDatabase.inMemory())
        try await database.migrate(Array(IdentitySchema.migrations.prefix(1)))
        let rootKey = try RootKey(bytes: RootKey.newBytes())
        let arns = [
            "AKIAROOT": "arn:aws:iam::111122223333:root", "AKIACHINA": "arn:aws-cn:iam::111122223333:root",
            "AKIAUSER": "arn:aws:iam::111122223333:user/root",
        ]
        for (id, arn) in arns {
            let secret = try rootKey.seal(Array("secret".utf8), as: "access-key/\(id)")
            _ = try await database.write { sql in
                try sql.execute(
                    """
                    INSERT INTO access_key (id, account, principal_arn, user_id, sealed_secret, created_at, status)
                    VALUES ($1, '111122223333', $2, '111122223333', $3, 1, 'Active')
                    """, [.text(id), .text(arn), .bytes(secret)])
            }
        }
        try await database.migrate(IdentitySchema.migrations)
        let keys = AccessKeys(database: database, rootKey: rootKey, clock: WallClock { Timestamp(seconds: 1_800_000_000) })
        try await keys.load()
        let account = try AccountID("111122223333")
        #expect(keys.owner(of: "AKIAROOT") == .root(account, partition: "aws"))
        #expect(keys.owner(of: "AKIACHINA") == .root(account, partition: "aws-cn"))
        #expect(keys.owner(of: "AKIAUSER") == .user(id: "111122223333", account: account))
    }

    @Test func theDatabaseHoldsNoSecretInTheClear() async throws {
        let room = try await Room()
        let sealed = try await room.database.read { try $0.rows("SELECT sealed_secret FROM access_key", [])[0].bytes(0) }
        #expect(!String(decoding: sealed, as: UTF8.self).contains("marker"))
    }

    @Test func anotherRootKeyOpensNothing() async throws {
        let room = try await Room()
        let other = AccessKeys(
            database: room.database, rootKey: try RootKey(bytes: RootKey.newBytes()), clock: WallClock { room.now })
        await #expect(throws: (any Error).self) { try await other.load() }
    }

    @Test func aKeyAddedAgainHasItsNewSecret() async throws {
        let room = try await Room()
        try await room.keys.add(id: "AKIAEXAMPLE", secret: "second", account: room.registry.account)
        #expect(room.keys.secret(of: "AKIAEXAMPLE")?.secret == Array("second".utf8))
        try await room.keys.load()
        #expect(room.keys.secret(of: "AKIAEXAMPLE")?.secret == Array("second".utf8))
    }

    @Test func aKeyTakenAwayIsGone() async throws {
        let room = try await Room()
        try await room.keys.remove(id: "AKIAEXAMPLE")
        #expect(room.keys.secret(of: "AKIAEXAMPLE") == nil)
        try await room.keys.load()
        #expect(room.keys.isEmpty)
    }
}

extension AccessKeysTests {
    @Test func aRootKeyThatWasReplacedOpensNothingWhateverItsAccount() async throws {
        let room = try await Room()
        let account = try #require(room.keys.owner(of: "AKIAEXAMPLE")).account
        try await room.keys.add(id: "AKIAOTHER", secret: "other", account: AccountID("999988887777"))
        try await room.keys.add(id: "AKIANEW", secret: "new", account: account)
        try await room.keys.removeOthers(than: "AKIANEW")
        try await room.keys.load()
        #expect(room.keys.owner(of: "AKIAEXAMPLE") == nil)
        #expect(room.keys.owner(of: "AKIAOTHER") == nil)
        #expect(room.keys.owner(of: "AKIANEW") != nil && room.keys.rootAccounts == [account])
    }
}

@Suite struct RegistryTokensTests {
    @Test func aTokenTellsWhoAndWhichRegistryForTwelveHours() async throws {
        let room = try await Room()
        let (password, expiresAt) = try room.issue()
        #expect(expiresAt == Timestamp(microseconds: 1_800_043_200_123_000))
        // Twice: the second time from memory.
        for _ in 0..<2 {
            let principal = try await room.tokens.verify(basic: room.basic(password), now: room.now)
            #expect(principal.registry == room.registry)
            #expect(principal.caller.account == room.registry.account)
            #expect(principal.expiresAt == expiresAt)
        }
        let last = Timestamp(microseconds: expiresAt.microseconds - 1)
        #expect(try await room.tokens.verify(basic: room.basic(password, scheme: "basic"), now: last).registry == room.registry)
        #expect(await reason { try await room.tokens.verify(basic: room.basic(password), now: expiresAt) } == .tokenExpired)
    }

    @Test func aTokenOfAClockThatWasAheadIsOver() async throws {
        let room = try await Room()
        let password = try room.issue().password
        // The token was issued a day ahead of the clock, which has been set right since.
        let now = room.now + .seconds(-86_400)
        #expect(await reason { try await room.tokens.verify(basic: room.basic(password), now: now) } == .tokenExpired)
        #expect(
            try await room.tokens.verify(basic: room.basic(password), now: room.now + .seconds(-1_800)).registry == room.registry)
        let query = try room.tokens.links.query(
            for: "/v2/a", in: room.registry, by: .root(of: room.registry.account), accessKeyID: "AKIAEXAMPLE", at: room.now)
        let values = Dictionary(
            uniqueKeysWithValues: query.split(separator: "&").map { pair in
                let parts = pair.split(separator: "=", maxSplits: 1).map(String.init)
                return (parts[0], parts[1])
            })
        #expect(
            try await room.tokens.links.verify(path: "/v2/a", parameter: { values[$0] }, now: room.now).registry == room.registry)
        await #expect(throws: Refusal.self) {
            try await room.tokens.links.verify(path: "/v2/a", parameter: { values[$0] }, now: now)
        }
    }

    @Test func anotherServersTokenIsNobodys() async throws {
        let room = try await Room()
        let other = try await Room()
        let password = try other.issue().password
        #expect(await reason { try await room.tokens.verify(basic: room.basic(password), now: room.now) } == .tokenInvalid)
    }

    @Test func aTokenSurvivesARestart() async throws {
        let room = try await Room()
        let password = try room.issue().password
        let again = RegistryTokens(rootKey: room.rootKey, credentials: room.credentials, region: room.registry.region)
        #expect(try await again.verify(basic: room.basic(password), now: room.now).registry == room.registry)
    }

    @Test func aTokenGoesWithItsAccessKey() async throws {
        let room = try await Room()
        let header = room.basic(try room.issue().password)
        _ = try await room.tokens.verify(basic: header, now: room.now)
        try await room.keys.remove(id: "AKIAEXAMPLE")
        #expect(await reason { try await room.tokens.verify(basic: header, now: room.now) } == .tokenInvalid)
    }

    @Test func everyChangedCharacterIsNoticed() async throws {
        let room = try await Room()
        let password = Array(try room.issue().password.utf8)
        for index in password.indices {
            var changed = password
            changed[index] = changed[index] == UInt8(ascii: "A") ? UInt8(ascii: "Q") : UInt8(ascii: "A")
            let header = room.basic(String(decoding: changed, as: UTF8.self))
            #expect(await reason { try await room.tokens.verify(basic: header, now: room.now) } == .tokenInvalid)
        }
        for count in 0..<password.count {
            let header = room.basic(String(decoding: password.prefix(count), as: UTF8.self))
            #expect(await reason { try await room.tokens.verify(basic: header, now: room.now) } == .tokenInvalid)
        }
    }

    @Test(
        "Headers that are no token",
        arguments: [
            ("", Refusal.Reason.authenticationMissing), ("Bearer x", .authenticationMissing), ("Basic", .tokenInvalid),
            ("Basic !!!", .tokenInvalid), ("Basic QVdT", .tokenInvalid), ("Basic QVdTOg==", .tokenInvalid),
            ("Basic " + String(repeating: "A", count: 100_000), .tokenInvalid), ("Basic //79", .tokenInvalid),
        ])
    func noToken(header: String, wanted: Refusal.Reason) async throws {
        let room = try await Room()
        #expect(await reason { try await room.tokens.verify(basic: header, now: room.now) } == wanted)
    }

    @Test func theUserMustBeAWS() async throws {
        let room = try await Room()
        let header = room.basic(try room.issue().password, user: "root")
        #expect(await reason { try await room.tokens.verify(basic: header, now: room.now) } == .tokenInvalid)
    }

    private func reason(_ body: () async throws -> RegistryPrincipal) async -> Refusal.Reason? {
        do {
            _ = try await body()
            return nil
        } catch {
            return (error as? Refusal)?.reason
        }
    }
}
