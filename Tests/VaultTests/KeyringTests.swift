import Testing
import WeirCore
import WeirStorage
import WeirVault

@Suite struct KeyringTests {
    @Test func aRegistrysKeyIsMadeOnceWhoeverAsks() async throws {
        let test = try await TestVault()
        let key = SealingKey.registry(test.home)
        #expect(throws: Refusal.self) { try test.keyring.check(key) }
        let others = (0..<4).map { _ in Keyring(database: test.database, root: test.root, clock: test.time.clock) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for keyring in others + [test.keyring] { group.addTask { try await keyring.prepare(key) } }
            try await group.waitForAll()
        }
        let made = try test.keyring.generateDataKey(under: key)
        for keyring in others { #expect(try keyring.unwrap(made.wrapped, under: key) == made.key) }
    }

    @Test func keysAreTheSameAfterARestart() async throws {
        let test = try await TestVault()
        let registry = SealingKey.registry(test.home)
        try await test.keyring.prepare(registry)
        let kms = SealingKey.kms(arn: try await test.key().arn)
        let again = try await { () async throws -> [DataKey] in
            [try test.keyring.generateDataKey(under: registry), try test.keyring.generateDataKey(under: kms)]
        }()
        let reopened = try await test.reopened()
        #expect(try reopened.keyring.unwrap(again[0].wrapped, under: registry) == again[0].key)
        #expect(try reopened.keyring.unwrap(again[1].wrapped, under: kms) == again[1].key)
    }

    @Test func anotherRootKeyIsRefusedAtTheStart() async throws {
        let test = try await TestVault()
        await #expect(throws: KeyringError.self) {
            try await TestVault(database: test.database, root: RootKey(bytes: RootKey.newBytes()))
        }
    }

    @Test func aWrappedKeyOpensOnlyUnderTheKeyThatWrappedIt() async throws {
        let test = try await TestVault()
        let keys = [SealingKey.kms(arn: try await test.key().arn), .kms(arn: try await test.key().arn)]
        let made = try test.keyring.generateDataKey(under: keys[0])
        #expect(throws: SealError.damaged) { try test.keyring.unwrap(made.wrapped, under: keys[1]) }
        for index in made.wrapped.indices {
            var bad = made.wrapped
            bad[index] ^= 1
            #expect(throws: SealError.damaged) { try test.keyring.unwrap(bad, under: keys[0]) }
        }
        #expect(throws: SealError.damaged) { try test.keyring.unwrap([], under: keys[0]) }
    }

    @Test func aDisabledKeyOpensNothingAlsoWhatItOpenedAMomentAgo() async throws {
        let test = try await TestVault()
        let key = try await test.key()
        let sealing = SealingKey.kms(arn: key.arn)
        let made = try test.keyring.generateDataKey(under: sealing)
        #expect(try test.keyring.unwrap(made.wrapped, under: sealing) == made.key)

        try await test.keys.disable(key.id, in: test.home)
        await expectRefusal(.kmsKeyDisabled) { _ = try test.keyring.unwrap(made.wrapped, under: sealing) }
        await expectRefusal(.kmsKeyDisabled) { _ = try test.keyring.generateDataKey(under: sealing) }
        await expectRefusal(.kmsKeyDisabled) { try test.keyring.check(sealing) }

        try await test.keys.enable(key.id, in: test.home)
        #expect(try test.keyring.unwrap(made.wrapped, under: sealing) == made.key)
    }

    @Test func aKeyThatIsToBeDeletedOpensNothingAndIsGoneWhenItsDayComes() async throws {
        let test = try await TestVault()
        let key = try await test.key()
        let sealing = SealingKey.kms(arn: key.arn)
        let made = try test.keyring.generateDataKey(under: sealing)
        try await test.keys.createAlias("alias/doomed", for: key.id, in: test.home)
        try await test.keys.scheduleDeletion(of: key.id, in: test.home, afterDays: 7)
        await expectRefusal(.kmsInvalidState) { _ = try test.keyring.unwrap(made.wrapped, under: sealing) }

        test.time.pass(days: 6)
        #expect(try await test.keys.resolve(key.id, in: test.home).state == .pendingDeletion)
        test.time.pass(days: 1)
        await expectRefusal(.kmsKeyNotFound) { _ = try await test.keys.resolve(key.id, in: test.home) }
        await expectRefusal(.kmsKeyNotFound) { _ = try await test.keys.resolve("alias/doomed", in: test.home) }
        await expectRefusal(.kmsKeyNotFound) { _ = try test.keyring.unwrap(made.wrapped, under: sealing) }
        let rows = try await test.database.read { sql in try sql.rows("SELECT 1 FROM kms_material", []).count }
        #expect(rows == 0)
    }

    @Test func aKeyWhoseDayCameWhileTheServerWasOffIsGoneAtTheStart() async throws {
        let test = try await TestVault()
        let key = try await test.key()
        try await test.keys.scheduleDeletion(of: key.id, in: test.home, afterDays: 7)
        test.time.pass(days: 30)
        _ = try await test.reopened()
        let rows = try await test.database.read { sql in try sql.rows("SELECT 1 FROM kms_key", []).count }
        #expect(rows == 0)
    }

    @Test func afterARotationOldContentStillOpens() async throws {
        let test = try await TestVault()
        let key = try await test.key()
        let sealing = SealingKey.kms(arn: key.arn)
        let before = try test.keyring.generateDataKey(under: sealing)
        try await test.keys.enableRotation(of: key.id, in: test.home, everyDays: 90)
        test.time.pass(days: 91)
        let rotated = try await test.keys.resolve(key.id, in: test.home)
        #expect(rotated.rotation?.next == test.time.now + .seconds(90 * 86_400))
        let after = try test.keyring.generateDataKey(under: sealing)
        #expect(before.wrapped[..<4] != after.wrapped[..<4])
        for keyring in [test.keyring, try await test.reopened().keyring] {
            #expect(try keyring.unwrap(before.wrapped, under: sealing) == before.key)
            #expect(try keyring.unwrap(after.wrapped, under: sealing) == after.key)
        }
    }

    @Test func keyBytesMovedToAnotherRowDoNotOpen() async throws {
        let test = try await TestVault()
        let (one, other) = (try await test.key(), try await test.key())
        _ = try await test.database.write { sql in
            try sql.execute(
                "UPDATE kms_material SET sealed = (SELECT sealed FROM kms_material WHERE key = $1) WHERE key = $2",
                [.text(one.id), .text(other.id)])
        }
        await #expect(throws: SealError.damaged) { try await test.reopened() }
    }

    @Test func moreKeysThanAreRememberedStillOpen() async throws {
        let test = try await TestVault()
        let key = SealingKey.registry(test.home)
        try await test.keyring.prepare(key)
        let made = try (0..<20_000).map { _ in try test.keyring.generateDataKey(under: key) }
        for _ in 0..<2 {
            for index in stride(from: 0, to: made.count, by: 3) {
                #expect(try test.keyring.unwrap(made[index].wrapped, under: key) == made[index].key)
            }
        }
    }
}
