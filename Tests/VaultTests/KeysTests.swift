import Testing
import WeirCore
import WeirVault

@Suite struct KeysTests {
    let test: TestVault

    init() async throws { test = try await TestVault() }

    @Test func aKeyIsFoundByIdAliasAndTheirARNs() async throws {
        let key = try await test.key()
        try await test.keys.createAlias("alias/app/one", for: key.arn, in: test.home)
        let names = [key.id, key.arn, "alias/app/one", "arn:aws:kms:us-east-2:111122223333:alias/app/one"]
        for name in names { #expect(try await test.keys.resolve(name, in: test.home).id == key.id) }
        #expect(key.arn == "arn:aws:kms:us-east-2:111122223333:key/\(key.id)")
    }

    @Test(arguments: [
        ("nonsense", Refusal.Reason.kmsKeyNotFound), ("alias/none", .kmsKeyNotFound), ("arn:aws:kms", .kmsInvalidArn),
        ("11111111-2222-3333-4444-555555555555", .kmsKeyNotFound),
        ("arn:aws:kms:us-west-2:111122223333:key/11111111-2222-3333-4444-555555555555", .kmsKeyNotFound),
        ("arn:aws:kms:us-east-2:999999999999:key/11111111-2222-3333-4444-555555555555", .kmsKeyNotFound),
        ("arn:aws:s3:us-east-2:111122223333:key/11111111-2222-3333-4444-555555555555", .kmsInvalidArn),
        ("arn:aws:kms:us-east-2:111122223333:thing/1", .kmsInvalidArn), ("../../etc/passwd", .kmsKeyNotFound),
    ])
    func whatNamesNoKeyIsRefused(name: String, reason: Refusal.Reason) async {
        await expectRefusal(reason) { _ = try await test.keys.resolve(name, in: test.home) }
    }

    @Test func aKeyOfAnotherRegionOrAccountIsNotThere() async throws {
        let key = try await test.key()
        for other in [
            try TestVault.registry("111122223333", "us-west-2"), try TestVault.registry("999999999999", "us-east-2"),
        ] {
            await expectRefusal(.kmsKeyNotFound) { _ = try await test.keys.resolve(key.id, in: other) }
            await expectRefusal(.kmsKeyNotFound) { _ = try await test.keys.resolve(key.arn, in: other) }
            #expect(try await test.keys.list(in: other, after: nil, limit: 10).items.isEmpty)
        }
    }

    @Test func theStatesOfAKey() async throws {
        let (keys, home) = (test.keys, test.home)
        let id = try await test.key().id
        func state() async throws -> KMSKey.State { try await keys.resolve(id, in: home).state }

        #expect(try await state() == .enabled)
        try await keys.disable(id, in: home)
        try await keys.disable(id, in: home)
        #expect(try await state() == .disabled)
        await expectRefusal(.kmsKeyDisabled) { try await keys.enableRotation(of: id, in: home, everyDays: nil) }
        await expectRefusal(.kmsInvalidState) { try await keys.cancelDeletion(of: id, in: home) }
        try await keys.scheduleDeletion(of: id, in: home, afterDays: 10)
        #expect(try await keys.resolve(id, in: home).deletionAt == test.time.now + .seconds(864_000))
        let refused: [() async throws -> Void] = [
            { try await keys.enable(id, in: home) }, { try await keys.disable(id, in: home) },
            { try await keys.scheduleDeletion(of: id, in: home, afterDays: 7) },
            { try await keys.setDescription("x", of: id, in: home) },
            { try await keys.tag(id, in: home, with: [ResourceTag(key: "a", value: "b")]) },
            { try await keys.createAlias("alias/late", for: id, in: home) },
            { _ = try await keys.encrypt([1], with: id, context: [:], in: home) },
        ]
        for operation in refused { await expectRefusal(.kmsInvalidState, operation) }
        try await keys.cancelDeletion(of: id, in: home)
        #expect(try await state() == .disabled)
        #expect(try await keys.resolve(id, in: home).deletionAt == nil)
        await expectRefusal(.kmsKeyDisabled) { try await keys.usable(arn: id, in: home) }
        try await keys.enable(id, in: home)
        try await keys.usable(arn: id, in: home)
    }

    @Test func stateChangesTakeNoAlias() async throws {
        let key = try await test.key()
        try await test.keys.createAlias("alias/x", for: key.id, in: test.home)
        await expectRefusal(.kmsInvalidArn) { try await test.keys.disable("alias/x", in: test.home) }
    }

    @Test func anAliasMovesAndGoes() async throws {
        let (keys, home) = (test.keys, test.home)
        let (one, other) = (try await test.key(), try await test.key())
        try await keys.createAlias("alias/a", for: one.id, in: home)
        await expectRefusal(.kmsAlreadyExists) { try await keys.createAlias("alias/a", for: other.id, in: home) }
        try await keys.updateAlias("alias/a", to: other.id, in: home)
        #expect(try await keys.resolve("alias/a", in: home).id == other.id)
        await expectRefusal(.kmsKeyNotFound) { try await keys.updateAlias("alias/none", to: one.id, in: home) }
        await expectRefusal(.validation) { try await keys.createAlias("alias/b", for: "alias/a", in: home) }
        try await keys.deleteAlias("alias/a", in: home)
        await expectRefusal(.kmsKeyNotFound) { try await keys.deleteAlias("alias/a", in: home) }
    }

    @Test(arguments: ["alias/aws/ecr", "alias/aws/mine", "mine", "alias/", "alias/a b", "alias/a:b", "alias/ä"])
    func anAliasThatCannotBe(name: String) async throws {
        let key = try await test.key()
        await expectRefusal(.kmsInvalidAliasName) { try await test.keys.createAlias(name, for: key.id, in: test.home) }
    }

    @Test func aManagedKeyIsMadeOnFirstUseAndOnlyOnce() async throws {
        let (keys, home) = (test.keys, test.home)
        await expectRefusal(.kmsKeyNotFound) { _ = try await keys.resolve("alias/aws/ecr", in: home) }
        let arns = try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<8 { group.addTask { try await keys.managedKey(for: .ecr, in: home) } }
            return try await group.reduce(into: Set<String>()) { $0.insert($1) }
        }
        #expect(arns.count == 1)
        let key = try await keys.resolve("alias/aws/ecr", in: home)
        #expect(key.manager == .aws && arns == [key.arn] && key.rotation?.days == 365)
        try test.keyring.check(.kms(arn: key.arn))
        #expect(try await keys.list(in: home, after: nil, limit: 10).items.count == 1)
        let refused: [() async throws -> Void] = [
            { try await keys.disable(key.id, in: home) }, { try await keys.setPolicy(key.policy, of: key.id, in: home) },
            { try await keys.scheduleDeletion(of: key.id, in: home, afterDays: 7) },
            { try await keys.disableRotation(of: key.id, in: home) },
            { try await keys.createAlias("alias/mine", for: key.id, in: home) },
        ]
        for operation in refused { await expectRefusal(.accessDenied, operation) }
        await expectRefusal(.kmsInvalidAliasName) { try await keys.deleteAlias("alias/aws/ecr", in: home) }
    }

    @Test func describingAManagedAliasMakesItsKey() async throws {
        let key = try await test.keys.describe("alias/aws/secretsmanager", in: test.home)
        #expect(try await test.keys.managedKey(for: .secretsmanager, in: test.home) == key.arn)
        await expectRefusal(.kmsKeyNotFound) { _ = try await test.keys.describe("alias/aws/s3", in: test.home) }
    }

    @Test func listsComeInParts() async throws {
        for _ in 0..<5 { _ = try await test.key() }
        var seen: [String] = []
        var place: String?
        repeat {
            let page = try await test.keys.list(in: test.home, after: place, limit: 2)
            #expect(page.items.count <= 2)
            seen += page.items.map(\.id)
            place = page.next
        } while place != nil
        #expect(seen.count == 5 && Set(seen).count == 5)
        let key = try #require(seen.first)
        for name in ["alias/b", "alias/a"] { try await test.keys.createAlias(name, for: key, in: test.home) }
        try await test.keys.createAlias("alias/c", for: seen[1], in: test.home)
        let first = try await test.keys.aliases(of: nil, in: test.home, after: nil, limit: 2)
        #expect(first.items.map(\.name) == ["alias/a", "alias/b"] && first.next == "alias/b")
        #expect(try await test.keys.aliases(of: nil, in: test.home, after: "alias/b", limit: 2).next == nil)
        #expect(try await test.keys.aliases(of: key, in: test.home, after: nil, limit: 9).items.count == 2)
    }

    @Test func whatIsEncryptedOpensOnlyInItsContext() async throws {
        let (keys, home) = (test.keys, test.home)
        let (key, other) = (try await test.key(), try await test.key())
        let context = ["b": "2", "a": "1"]
        let (ciphertext, _) = try await keys.encrypt(Array("hello".utf8), with: key.id, context: context, in: home)
        let opened = try await keys.decrypt(ciphertext, with: nil, context: ["a": "1", "b": "2"], in: home)
        #expect(opened.plain == Array("hello".utf8) && opened.key.id == key.id)
        for bad in [[:], ["a": "1"], ["a": "1", "b": "3"], ["a1": "", "b": "2"]] {
            await expectRefusal(.kmsInvalidCiphertext) {
                _ = try await keys.decrypt(ciphertext, with: nil, context: bad, in: home)
            }
        }
        await expectRefusal(.kmsIncorrectKey) {
            _ = try await keys.decrypt(ciphertext, with: other.id, context: context, in: home)
        }
        await expectRefusal(.kmsInvalidCiphertext) { _ = try await keys.decrypt([1, 2, 3], with: nil, context: [:], in: home) }
        for index in ciphertext.indices {
            var bad = ciphertext
            bad[index] ^= 1
            await expectRefusal(.kmsInvalidCiphertext) { _ = try await keys.decrypt(bad, with: nil, context: context, in: home) }
        }
        try await keys.disable(key.id, in: home)
        await expectRefusal(.kmsKeyDisabled) { _ = try await keys.decrypt(ciphertext, with: nil, context: context, in: home) }
    }

    @Test func contextsThatReadAlikeAreTwo() async throws {
        let key = try await test.key()
        let (ciphertext, _) = try await test.keys.encrypt([1], with: key.id, context: ["a": "b1:c"], in: test.home)
        await expectRefusal(.kmsInvalidCiphertext) {
            _ = try await test.keys.decrypt(ciphertext, with: nil, context: ["a": "b", "c": ""], in: test.home)
        }
    }

    @Test func aDataKeyComesPlainAndSealed() async throws {
        let key = try await test.key()
        let made = try await test.keys.generateDataKey(size: 32, with: key.id, context: [:], in: test.home)
        #expect(made.plain.count == 32)
        #expect(try await test.keys.decrypt(made.ciphertext, with: key.arn, context: [:], in: test.home).plain == made.plain)
    }

    @Test func aPolicyIsKeptToTheLetterAndCheckedForSense() async throws {
        let key = try await test.key()
        #expect(key.policy.contains("arn:aws:iam::111122223333:root") && key.policy.contains("key-default-1"))
        let policy = #"{ "Statement": [{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*"}] }"#
        try await test.keys.setPolicy(policy, of: key.id, in: test.home)
        #expect(try await test.keys.resolve(key.id, in: test.home).policy == policy)
        for bad in [
            "", "{}", "[]", #"{"Statement":[]}"#, #"{"Statement":[{"Effect":"Maybe"}]}"#,
            #"{"Statement":{"Effect":"Allow","Action":"a"}}"#,
        ] {
            await expectRefusal(.kmsMalformedPolicy) { try await test.keys.setPolicy(bad, of: key.id, in: test.home) }
        }
    }

    @Test func tagsAreSetChangedAndTakenAway() async throws {
        let (keys, home) = (test.keys, test.home)
        let key = try await keys.create(NewKey(tags: [ResourceTag(key: "a", value: "1")]), in: home)
        try await keys.tag(key.id, in: home, with: [ResourceTag(key: "a", value: "2"), ResourceTag(key: "b", value: "")])
        #expect(try await keys.tags(of: key.id, in: home).map(\.value) == ["2", ""])
        try await keys.untag(key.id, in: home, ["a", "none"])
        #expect(try await keys.tags(of: key.id, in: home) == [ResourceTag(key: "b", value: "")])
        await expectRefusal(.kmsTagInvalid) { try await keys.tag(key.id, in: home, with: [ResourceTag(key: "aws:x", value: "")]) }
        let many = (0..<50).map { ResourceTag(key: "t\($0)", value: "") }
        await expectRefusal(.kmsLimitExceeded) { try await keys.tag(key.id, in: home, with: many) }
        #expect(try await keys.tags(of: key.id, in: home).count == 1)
    }
}
