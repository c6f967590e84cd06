import ConformanceSuites
import Foundation
import Testing
import WeirCore
import WeirIdentity
import WeirStorage
import WeirVault

/// Accounts beside the home account, and what becomes of their keys.
@Suite struct AccountsTests {
    private struct House {
        let database: any SQLDatabase
        let rootKey: RootKey
        let store: IdentityStore
        let keys: AccessKeys
        let accounts: Accounts
        let home: AccountID
        let other: AccountID
        static let clock = WallClock { Timestamp(seconds: 1_800_000_000) }

        init() async throws {
            let database = StrictDatabase(try SQLiteDatabase.inMemory())
            try await database.migrate(IdentitySchema.migrations)
            try await self.init(over: database, RootKey(bytes: RootKey.newBytes()))
            try await keys.add(id: "AKIAHOME", secret: "home-secret", account: home)
        }

        init(over database: any SQLDatabase, _ rootKey: RootKey) async throws {
            self.database = database
            self.rootKey = rootKey
            home = try AccountID("111122223333")
            other = try AccountID("444455556666")
            store = IdentityStore(database: database, clock: Self.clock)
            keys = AccessKeys(database: database, rootKey: rootKey, clock: Self.clock)
            try await keys.load()
            accounts = Accounts(store: store, keys: keys)
            try await accounts.load()
            try await accounts.begin(at: home)
        }

        /// The next start of the program.
        func restarted() async throws -> House { try await House(over: database, rootKey) }

        func reason(_ body: () async throws -> Void) async -> Refusal.Reason? {
            do {
                try await body()
                return nil
            } catch { return (error as? Refusal)?.reason }
        }
    }

    @Test func anAccountIsMadeWithARootKeyThatSignsIn() async throws {
        let house = try await House()
        let (account, key) = try await house.accounts.create(house.other, alias: "team-b", partition: "aws-cn")
        #expect(account.id == house.other && account.alias == "team-b" && account.disabledAt == nil)
        #expect(house.keys.owner(of: key.id) == .root(house.other, partition: "aws-cn"))
        #expect(key.id.hasPrefix("AKIA") && key.id.utf8.count == 20 && key.secret.utf8.count == 40)
        #expect(AccessKeyID.account(of: key.id) == house.other)
        #expect(house.accounts.isHosted(house.other) && house.accounts.isHosted(house.home))
        #expect(try !house.accounts.isHosted(AccountID("999988887777")))
        let again = try await house.restarted()
        #expect(again.keys.secret(of: key.id)?.secret == Array(key.secret.utf8))
        #expect(again.accounts.made == [house.other])
    }

    @Test func aNewKeyPrintsNoSecret() throws {
        let key = NewRootKey(of: try AccountID("111122223333"))
        var dumped = ""
        dump(key, to: &dumped)
        for text in ["\(key)", String(reflecting: key), dumped] {
            #expect(text.contains(key.id) && !text.contains(key.secret))
        }
    }

    @Test func numbersAndAliasesAreUnique() async throws {
        let house = try await House()
        _ = try await house.accounts.create(house.other, alias: "team-b", partition: "aws")
        for (id, alias) in [(house.other, nil), (house.home, nil), (try AccountID("777788889999"), "team-b")]
            as [(AccountID, String?)]
        {
            #expect(
                await house.reason { _ = try await house.accounts.create(id, alias: alias, partition: "aws") }
                    == .invalidParameter)
        }
        #expect(try !house.accounts.isHosted(AccountID("777788889999")))
    }

    @Test func anAccountWithoutANumberGetsOneOfTwelveDigits() async throws {
        let house = try await House()
        let (one, _) = try await house.accounts.create(nil, alias: nil, partition: "aws")
        let (two, _) = try await house.accounts.create(nil, alias: nil, partition: "aws")
        #expect(one.id != two.id && one.id.description.first != "0")
    }

    // MARK: Root keys

    @Test func aReplacedRootKeyOpensNothing() async throws {
        let house = try await House()
        let (_, first) = try await house.accounts.create(house.other, alias: nil, partition: "aws")
        let (second, none) = try await house.accounts.createRootKey(of: house.other, partition: "aws", replacing: false)
        #expect(none.isEmpty && house.keys.owner(of: first.id) != nil && house.keys.owner(of: second.id) != nil)
        #expect(
            await house.reason {
                _ = try await house.accounts.createRootKey(of: house.other, partition: "aws", replacing: false)
            } == .limitExceeded)
        let (third, ended) = try await house.accounts.createRootKey(of: house.other, partition: "aws", replacing: true)
        #expect(Set(ended) == [first.id, second.id])
        #expect(house.keys.owner(of: first.id) == nil && house.keys.owner(of: second.id) == nil)
        #expect(house.keys.owner(of: third.id) != nil && house.keys.owner(of: "AKIAHOME") != nil)
    }

    @Test func theHomeAccountsKeyIsReplacedWithoutTouchingOthers() async throws {
        let house = try await House()
        let (_, key) = try await house.accounts.create(house.other, alias: nil, partition: "aws")
        // Keys of an account that nothing is known of: of an earlier start for it.
        try await house.keys.add(id: "AKIASTRANGER", secret: "stranger", account: AccountID("999988887777"))
        try await house.keys.add(id: "AKIANEW", secret: "new", account: house.home)
        try await house.keys.removeOthers(than: "AKIANEW", sparing: house.accounts.made)
        for keys in [house.keys, try await house.restarted().keys] {
            #expect(keys.owner(of: "AKIAHOME") == nil && keys.owner(of: "AKIASTRANGER") == nil)
            #expect(keys.owner(of: "AKIANEW") != nil && keys.owner(of: key.id) != nil)
        }
    }

    @Test func theHomeAccountsKeyIsNotMadeHere() async throws {
        let house = try await House()
        for body in [
            { _ = try await house.accounts.createRootKey(of: house.home, partition: "aws", replacing: true) },
            { _ = try await house.accounts.set(house.home, isDisabled: true) },
            { try await house.accounts.removeKey("AKIAHOME", for: .root(of: house.home)) },
        ] as [() async throws -> Void] {
            #expect(await house.reason(body) == .invalidParameter)
        }
        #expect(house.keys.owner(of: "AKIAHOME") != nil)
    }

    // MARK: Disabling

    @Test func aDisabledAccountOpensNothingUntilItIsEnabled() async throws {
        let house = try await House()
        let (_, key) = try await house.accounts.create(house.other, alias: nil, partition: "aws")
        func tokens(_ house: House) throws -> RegistryTokens {
            let principals = Principals(store: house.store) { house.accounts.isHosted($0) }
            let credentials = Credentials(
                keys: house.keys, principals: principals, tokens: SessionTokens(rootKey: house.rootKey))
            return RegistryTokens(rootKey: house.rootKey, credentials: credentials, region: try Region("us-east-2"))
        }
        let root = Caller.root(of: house.other)
        let registry = RegistryID(account: house.other, region: try Region("us-east-2"))
        let now = House.clock.now
        let own = try tokens(house)
        let password = try own.issue(for: root, accessKeyID: key.id, region: registry.region, at: now).password
        let header = "Basic " + base64("AWS:\(password)")
        let link = try parameters(own.links.query(for: "/v2/a", in: registry, by: root, accessKeyID: key.id, at: now))
        func opens(_ house: House) async throws -> [Bool] {
            let (keys, opened) = (house.keys, try tokens(house))
            let byToken = try? await opened.verify(basic: header, now: now)
            let byLink = try? await opened.links.verify(path: "/v2/a", parameter: { link[$0] }, now: now)
            return [keys.secret(of: key.id) != nil, keys.owner(of: key.id) != nil, byToken != nil, byLink != nil]
        }
        #expect(try await opens(house) == [true, true, true, true])
        let disabled = try await house.accounts.set(house.other, isDisabled: true)
        #expect(disabled.disabledAt == now)
        #expect(try await opens(house) == [false, false, false, false])
        #expect(house.keys.owner(of: "AKIAHOME") != nil)
        // A key that is made meanwhile opens nothing either, and a restart changes nothing.
        let (later, _) = try await house.accounts.createRootKey(of: house.other, partition: "aws", replacing: false)
        #expect(house.keys.secret(of: later.id) == nil)
        let again = try await house.restarted()
        #expect(try await opens(again) == [false, false, false, false])
        let enabled = try await house.accounts.set(house.other, isDisabled: false)
        #expect(enabled.disabledAt == nil)
        #expect(try await opens(house) == [true, true, true, true])
    }

    @Test func usersAndRolesOfADisabledAccountAreToldSo() async throws {
        let house = try await House()
        _ = try await house.accounts.create(house.other, alias: nil, partition: "aws")
        _ = try await house.database.write { sql in
            try sql.execute(
                """
                INSERT INTO iam_entity (id, account, kind, name, folded_name, path, created_at, changed_at, tags)
                VALUES ('AROAAAAAAAAAAAAAAAAAA', '444455556666', 'role', 'ci', 'ci', '/', 1, 1, '{}')
                """, [])
        }
        let principals = Principals(store: house.store) { house.accounts.isHosted($0) }
        func isDisabled() async throws -> Bool? {
            try await principals.principal(id: "AROAAAAAAAAAAAAAAAAAA")?.isAccountDisabled
        }
        #expect(try await isDisabled() == false)
        _ = try await house.accounts.set(house.other, isDisabled: true)
        #expect(try await isDisabled() == true)
        _ = try await house.accounts.set(house.other, isDisabled: false)
        #expect(try await isDisabled() == false)
        let strangers = Principals(store: house.store) { _ in false }
        #expect(try await strangers.principal(id: "AROAAAAAAAAAAAAAAAAAA")?.isAccountDisabled == true)
    }

    // MARK: Keys of all accounts

    @Test func keysAreSeenAndRemovedByTheirOwnAccountAndByTheHomeAccount() async throws {
        let house = try await House()
        let (_, key) = try await house.accounts.create(house.other, alias: nil, partition: "aws")
        #expect(
            try await house.accounts.keys(of: nil, after: nil, limit: 10).map(\.id).sorted() == [key.id, "AKIAHOME"].sorted())
        let own = try await house.accounts.keys(of: house.other, after: nil, limit: 10)
        #expect(own.map(\.id) == [key.id] && own[0].isRoot && own[0].lastUse == nil && own[0].status == .active)
        #expect(try await house.accounts.keys(of: nil, after: own[0].id, limit: 10).allSatisfy { $0.id > own[0].id })

        let stranger = Caller.root(of: try AccountID("777788889999"))
        #expect(await house.reason { try await house.accounts.removeKey(key.id, for: stranger) } == .invalidParameter)
        let user = Caller.user(
            IAMIdentity(id: "AIDA", arn: "arn:aws:iam::444455556666:user/bob", name: "bob"), of: house.other)
        #expect(await house.reason { try await house.accounts.removeKey(key.id, for: user) } == .accessDenied)
        #expect(house.keys.owner(of: key.id) != nil)
        try await house.accounts.removeKey(key.id, for: .root(of: house.home))
        #expect(house.keys.owner(of: key.id) == nil)
        #expect(
            await house.reason { try await house.accounts.removeKey(key.id, for: .root(of: house.home)) } == .invalidParameter)
    }

    @Test func theListTellsWhatAnAccountHas() async throws {
        let house = try await House()
        _ = try await house.accounts.create(house.other, alias: "team-b", partition: "aws")
        try await house.database.write { sql in
            for (id, kind) in [("AIDA1", "user"), ("AIDA2", "user"), ("AROA1", "role"), ("AGPA1", "group")] {
                try sql.execute(
                    """
                    INSERT INTO iam_entity (id, account, kind, name, folded_name, path, created_at, changed_at, tags)
                    VALUES ($1, '444455556666', $2, $1, $1, '/', 1, 1, '{}')
                    """, [.text(id), .text(kind)])
            }
        }
        let list = try await house.accounts.list(after: nil, limit: 10)
        #expect(list.map(\.account.id) == [house.home, house.other])
        #expect(list[1].rootKeys == 1 && list[1].userKeys == 0 && list[1].users == 2 && list[1].roles == 1)
        #expect(try await house.accounts.list(after: "\(house.home)", limit: 10).map(\.account.alias) == ["team-b"])
    }

    private func base64(_ text: String) -> String { Data(text.utf8).base64EncodedString() }

    private func parameters(_ query: String) throws -> [String: String] {
        try query.split(separator: "&").reduce(into: [:]) { values, pair in
            let equals = try #require(pair.firstIndex(of: "="))
            values[String(pair[..<equals])] = String(pair[pair.index(after: equals)...])
        }
    }
}
