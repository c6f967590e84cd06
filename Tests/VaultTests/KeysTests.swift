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

    @Test(arguments: [
        ("alias/aws/ecr", Refusal.Reason.kmsInvalidAliasName), ("alias/aws/mine", .kmsInvalidAliasName), ("mine", .validation),
        ("alias/", .validation), ("alias/a b", .validation), ("alias/a:b", .validation), ("alias/ä", .validation),
    ])
    func anAliasThatCannotBe(name: String, reason: Refusal.Reason) async throws {
        let key = try await test.key()
        await expectRefusal(reason) { try await test.keys.createAlias(name, for: key.id, in: test.home) }
        await expectRefusal(reason) { try await test.keys.deleteAlias(name, in: test.home) }
    }

    @Test func theAliasesOfAWSManagedKeysAreListedBeforeTheirKeysAreMade() async throws {
        let (keys, home) = (test.keys, test.home)
        let key = try await test.key()
        for name in ["alias/a", "alias/z"] { try await keys.createAlias(name, for: key.id, in: home) }
        let ecr = "arn:aws:kms:us-east-2:111122223333:alias/aws/ecr"
        func all() async throws -> [ListedAlias] {
            var (found, place): ([ListedAlias], String?) = ([], nil)
            repeat {
                let page = try await keys.aliases(of: nil, in: home, after: place, limit: 1)
                found += page.items
                place = page.next
            } while place != nil
            return found
        }
        for isMade in [false, true] {
            if isMade { _ = try await keys.describe("alias/aws/ecr", in: home) }
            let found = try await all()
            #expect(found.map(\.name) == ["alias/a", "alias/aws/ecr", "alias/aws/secretsmanager", "alias/z"])
            #expect(found[1].arn == ecr && found[2] == .promised(name: "alias/aws/secretsmanager", in: home))
            if case .named = found[1] { #expect(isMade) } else { #expect(!isMade) }
        }
        #expect(try await keys.aliases(of: key.id, in: home, after: nil, limit: 9).items.map(\.name) == ["alias/a", "alias/z"])
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
        #expect(first.items.map(\.name) == ["alias/a", "alias/aws/ecr"] && first.next == "alias/aws/ecr")
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
            // Its bytes 1 to 16 name the key: of another one it is not told whether it exists.
            await expectRefusal((1...16).contains(index) ? .accessDenied : .kmsInvalidCiphertext) {
                _ = try await keys.decrypt(bad, with: nil, context: context, in: home)
            }
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

    @Test(arguments: [
        (#"{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"kms:*","Resource":"*"}"#, true),
        (#"{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"kms:Put*","Resource":"*"}"#, true),
        (
            #"{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*","Condition":{"StringEquals":{"kms:CallerAccount":"111122223333"}}}"#,
            true
        ),
        (#"{"Effect":"Allow","Principal":{"AWS":"444455556666"},"Action":"kms:*","Resource":"*"}"#, false),
        (#"{"Effect":"Allow","Principal":"*","Action":"kms:Decrypt","Resource":"*"}"#, false),
        (#"{"Effect":"Deny","Principal":"*","Action":"kms:*","Resource":"*"}"#, false),
        (
            #"{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-1"}}}"#,
            false
        ),
    ])
    func aPolicyMayNotLockItsAuthorOut(statement: String, isSet: Bool) async throws {
        let root = Caller.root(of: test.home.account)
        let policy = #"{"Version":"2012-10-17","Statement":[\#(statement)]}"#
        let key = try await test.key()
        let changes: [(Caller?) async throws -> Void] = [
            { try await test.keys.setPolicy(policy, of: key.id, in: test.home, by: $0) },
            { _ = try await test.keys.create(NewKey(policy: policy), in: test.home, by: $0) },
        ]
        for change in changes {
            if isSet {
                try await change(root)
            } else {
                let refusal = await expectRefusal(.kmsMalformedPolicy) { try await change(root) }
                #expect(
                    refusal?.message.hasPrefix("The new key policy will not allow you to update the key policy in the future")
                        == true)
                // As with BypassPolicyLockoutSafetyCheck.
                try await change(nil)
            }
        }
    }

    @Test func aKeyIsRotatedOnDemandAndItsCalendarStays() async throws {
        let (keys, home) = (test.keys, test.home)
        let key = try await test.key()
        try await keys.enableRotation(of: key.id, in: home, everyDays: 90)
        let next = try await keys.resolve(key.id, in: home).rotation?.next
        let (old, _) = try await keys.encrypt([1], with: key.id, context: [:], in: home)
        test.time.pass(days: 1)
        let rotated = try await keys.rotateOnDemand(key.arn, in: home)
        #expect(rotated.rotation?.next == next)
        let (new, _) = try await keys.encrypt([2], with: key.id, context: [:], in: home)
        #expect(rotated.materialID(sealing: old) == rotated.materialID(version: 1))
        #expect(
            rotated.materialID(sealing: new) == rotated.currentMaterialID && rotated.currentMaterialID != key.currentMaterialID)
        for again in [test, try await test.reopened()] {
            #expect(try await again.keys.decrypt(old, with: nil, context: [:], in: home).plain == [1])
            #expect(try await again.keys.decrypt(new, with: nil, context: [:], in: home).plain == [2])
        }
        test.time.pass(days: 90)
        let listed = try await keys.rotations(of: key.id, in: home, first: true, after: nil, limit: 9).page.items
        #expect(listed.map(\.version) == [1, 2, 3] && listed.map(\.isOnDemand) == [false, true, false])
        let first = try await keys.rotations(of: key.id, in: home, first: false, after: nil, limit: 1).page
        let second = try await keys.rotations(of: key.id, in: home, first: false, after: first.next, limit: 1).page
        #expect(first.items.map(\.version) == [2] && second.items.map(\.version) == [3] && second.next == nil)
    }

    @Test func whatCannotBeRotatedOnDemand() async throws {
        let (keys, home) = (test.keys, test.home)
        let key = try await test.key()
        for _ in 0..<Keys.mostRotationsOnDemand { try await keys.rotateOnDemand(key.id, in: home) }
        await expectRefusal(.kmsLimitExceeded) { try await keys.rotateOnDemand(key.id, in: home) }
        let other = try await test.key()
        try await keys.createAlias("alias/x", for: other.id, in: home)
        await expectRefusal(.kmsInvalidArn) { try await keys.rotateOnDemand("alias/x", in: home) }
        try await keys.disable(other.id, in: home)
        await expectRefusal(.kmsKeyDisabled) { try await keys.rotateOnDemand(other.id, in: home) }
        try await keys.scheduleDeletion(of: other.id, in: home, afterDays: 7)
        await expectRefusal(.kmsInvalidState) { try await keys.rotateOnDemand(other.id, in: home) }
        let managed = try await keys.managedKey(for: .ecr, in: home)
        await expectRefusal(.accessDenied) { try await keys.rotateOnDemand(managed, in: home) }
    }

    /// The first versions wrote `aws` into every ARN outside China and GovCloud, and bound content to it.
    @Test func aKeyOfAnotherPartitionGoesByItsOldARNToo() async throws {
        let home = try TestVault.registry("111122223333", "us-iso-east-1")
        let key = try await test.keys.create(NewKey(), in: home)
        #expect(key.arn == "arn:aws-iso:kms:us-iso-east-1:111122223333:key/\(key.id)")
        let old = "arn:aws:kms:us-iso-east-1:111122223333:key/\(key.id)"
        #expect(try await test.keys.resolve(old, in: home).id == key.id)
        #expect(SealingKey.kms(arn: old).scope == SealingKey.kms(arn: key.arn).scope)
        let made = try test.keyring.generateDataKey(under: .kms(arn: key.arn))
        for keyring in [test.keyring, try await test.reopened().keyring] {
            #expect(try keyring.unwrap(made.wrapped, under: .kms(arn: old)) == made.key)
        }
        try await test.keys.disable(key.id, in: home)
        await expectRefusal(.kmsKeyDisabled) { try test.keyring.check(.kms(arn: old)) }
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
