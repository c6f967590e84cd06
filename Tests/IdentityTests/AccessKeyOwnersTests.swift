import Testing
import WeirCore
import WeirIdentity
import WeirVault

/// The keys of users and roots, as they manage them.
@Suite struct AccessKeyOwnersTests {
    @Test func aKeyTellsItsAccountAndItsSecretOnce() async throws {
        let room = try await EntityRoom()
        for account in [room.home, room.other, try AccountID("000000000001"), try AccountID("999999999999")] {
            let user = try await room.user("bob", in: account)
            let key = try await room.keys.create(for: room.owner(user))
            #expect(key.id.hasPrefix("AKIA") && key.id.utf8.count == 20 && AccessKeyID.account(of: key.id) == account)
            #expect(key.secret.utf8.count == 40)
            #expect(room.keys.secret(of: key.id)?.secret == Array(key.secret.utf8))
            #expect(!"\(key)\(String(reflecting: key))".contains(key.secret))
            var dumped = ""
            dump(key, to: &dumped)
            #expect(!dumped.contains(key.secret))
            #expect(try await room.keys.list(of: room.owner(user)).map(\.id) == [key.id])
        }
        let again = AccessKeys(database: room.database, rootKey: room.rootKey, clock: room.store.clock)
        try await again.load()
        let key = try #require(try await room.keys.list(of: room.owner(room.users.get("bob", in: room.home))).first)
        #expect(again.secret(of: key.id)?.secret == room.keys.secret(of: key.id)?.secret)
    }

    @Test func aUserHasTwoKeysAtMost() async throws {
        let room = try await EntityRoom()
        let bob = try await room.user("bob")
        let first = try await room.keys.create(for: room.owner(bob))
        room.pass(.seconds(1))
        let second = try await room.keys.create(for: room.owner(bob))
        #expect(
            try await told { try await room.keys.create(for: room.owner(bob)) }
                == "iamLimitExceeded: Cannot exceed quota for AccessKeysPerUser: 2")
        #expect(try await room.keys.list(of: room.owner(bob)).map(\.id) == [first.id, second.id])
        // An inactive key counts.
        try await room.keys.set(.inactive, of: first.id, owner: room.owner(bob))
        #expect(try await told { try await room.keys.create(for: room.owner(bob)) }.hasPrefix("iamLimitExceeded"))
        try await room.keys.delete(first.id, of: room.owner(bob))
        _ = try await room.keys.create(for: room.owner(bob))
    }

    @Test func aKeyIsItsOwnersAlone() async throws {
        let room = try await EntityRoom()
        let (bob, ann, abroad) = (
            try await room.user("bob"), try await room.user("ann"), try await room.user("bob", in: room.other)
        )
        let key = try await room.keys.create(for: room.owner(bob))
        let root = AccessKeys.Owner.root(room.home, partition: "aws")
        let missing = "noSuchEntity: The Access Key with id \(key.id) cannot be found."
        for owner in [room.owner(ann), room.owner(abroad), root] {
            #expect(try await told { try await room.keys.set(.inactive, of: key.id, owner: owner) } == missing)
            #expect(try await told { try await room.keys.delete(key.id, of: owner) } == missing)
            #expect(try await room.keys.list(of: owner).isEmpty)
        }
        #expect(room.keys.secret(of: key.id) != nil)
        let own = try await room.keys.create(for: root)
        #expect(room.keys.owner(of: own.id) == root && room.keys.owner(of: key.id) != root)
        #expect(try await room.keys.list(of: .root(room.home, partition: "aws-cn")).map(\.id) == [own.id])
    }

    @Test func anInactiveKeyOpensNothingUntilItIsActive() async throws {
        let room = try await EntityRoom()
        let bob = try await room.user("bob")
        let key = try await room.keys.create(for: room.owner(bob))
        for status in [AccessKeys.Status.inactive, .inactive, .active, .active, .inactive] {
            try await room.keys.set(status, of: key.id, owner: room.owner(bob))
            #expect((room.keys.secret(of: key.id) != nil) == (status == .active))
            #expect(try await room.keys.list(of: room.owner(bob)).map(\.status) == [status])
        }
        let again = AccessKeys(database: room.database, rootKey: room.rootKey, clock: room.store.clock)
        try await again.load()
        #expect(again.secret(of: key.id) == nil)
        try await room.keys.delete(key.id, of: room.owner(bob))
        #expect(try await told { try await room.keys.delete(key.id, of: room.owner(bob)) }.hasPrefix("noSuchEntity"))
    }

    /// Memory and disk agree in the end, whichever change comes last.
    @Test func changesAtTheSameTimeEndAsTheyWereWritten() async throws {
        let room = try await EntityRoom()
        let bob = try await room.user("bob")
        let owner = room.owner(bob)
        let key = try await room.keys.create(for: owner)
        for _ in 0..<20 {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<6 {
                    group.addTask { try await room.keys.set(number % 2 == 0 ? .active : .inactive, of: key.id, owner: owner) }
                }
                try await group.waitForAll()
            }
            let stored = try await room.keys.list(of: owner).first?.status
            #expect((room.keys.secret(of: key.id) != nil) == (stored == .active))
        }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await room.keys.delete(key.id, of: owner) }
            for _ in 0..<4 { group.addTask { try? await room.keys.set(.active, of: key.id, owner: owner) } }
        }
        #expect(room.keys.secret(of: key.id) == nil && room.keys.holder(of: key.id) == nil)
        #expect(try await room.keys.list(of: owner).isEmpty)
    }

    @Test func ofManyAtOnceTwoAreMade() async throws {
        let room = try await EntityRoom()
        let bob = try await room.user("bob")
        let made = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<16 { group.addTask { (try? await room.keys.create(for: room.owner(bob))) != nil } }
            return await group.reduce(into: 0) { count, isMade in if isMade { count.add(1) } }
        }
        #expect(made == 2)
        #expect(try await room.keys.list(of: room.owner(bob)).count == 2)
    }

    @Test func aKeyOfAUserWhoIsGoneIsNotMade() async throws {
        let room = try await EntityRoom()
        let bob = try await room.user("bob")
        try await room.users.delete("bob", in: room.home)
        #expect(try await told { try await room.keys.create(for: room.owner(bob)) }.hasPrefix("noSuchEntity"))
        #expect(room.keys.isEmpty)
    }

    @Test func theLastUseIsKnownAtOnceAndOnDiskLater() async throws {
        let room = try await EntityRoom()
        let bob = try await room.user("bob")
        let key = try await room.keys.create(for: room.owner(bob))
        #expect(try await room.keys.lastUse(of: key.id) == nil)
        let use = LastUse(at: room.now, service: "ecr", region: "us-east-2")
        room.keys.used(key.id, service: "ecr", region: room.region, at: room.now)
        #expect(try await room.keys.lastUse(of: key.id) == use)
        let again = AccessKeys(database: room.database, rootKey: room.rootKey, clock: room.store.clock)
        #expect(try await again.lastUse(of: key.id) == nil)
        try await room.keys.writeLastUses()
        try await room.keys.writeLastUses()
        #expect(try await again.lastUse(of: key.id) == use)
        #expect(try await room.keys.lastUse(of: key.id) == use)
        // A key that is not there leaves nothing in memory.
        room.keys.used("AKIANOBODYHASTHISKEY", service: "ecr", region: room.region, at: room.now)
        #expect(try await room.keys.lastUse(of: "AKIANOBODYHASTHISKEY") == nil)
    }

    @Test(arguments: [
        "", "AKIA", "AKIAAAAAAAAAAAAAAAAA", "AKIA77777777777AAAAA", "ASIA0000000000000000", "AKIAIOSFODNN7EXAMPLEX",
        "ÄKIAIOSFODNN7EXAMPL",
    ])
    func aTextThatIsNoIDHasNoAccount(text: String) { #expect(AccessKeyID.account(of: text) == nil) }
}
