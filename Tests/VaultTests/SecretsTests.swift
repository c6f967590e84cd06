import Foundation
import Testing
import WeirCore
import WeirStorage
import WeirVault

@Suite struct SecretsTests {
    let test: TestVault
    let secrets: Secrets
    let home: RegistryID
    let name = "ecr-pullthroughcache/docker"

    init() async throws {
        test = try await TestVault()
        (secrets, home) = (test.secrets, test.home)
    }

    private static func token(_ number: Int) -> String { "token-\(String(repeating: "0", count: 30))\(number)" }

    private func create(_ value: String? = "one") async throws -> Secret {
        try await secrets.create(
            .init(name: name, value: value.map { .text($0) }, token: Self.token(1)), in: home
        ).secret
    }

    private func stages() async throws -> [String: [String]] {
        let versions = try await secrets.describe(name, in: home).versions
        return Dictionary(uniqueKeysWithValues: versions.map { ($0.id, $0.stages) })
    }

    @Test func aSecretIsFoundByNameARNAndARNWithoutItsSuffix() async throws {
        let secret = try await create()
        let prefix = "arn:aws:secretsmanager:us-east-2:111122223333:secret:\(name)"
        #expect(secret.arn.hasPrefix(prefix + "-") && secret.arn.utf8.count == prefix.utf8.count + 7)
        for id in [name, secret.arn, prefix] {
            #expect(try await secrets.value(of: id, in: home).value == .text("one"))
        }
        let strangers = [
            name + "x", "other", prefix + "-AAAAAA", prefix.replacing("us-east-2", with: "us-west-2"),
            secret.arn.replacing("111122223333", with: "999999999999"), "arn:aws:secretsmanager",
        ]
        for id in strangers { await expectRefusal(.secretResourceNotFound) { _ = try await secrets.value(of: id, in: home) } }
        let other = try TestVault.registry("111122223333", "us-west-2")
        await expectRefusal(.secretResourceNotFound) { _ = try await secrets.value(of: name, in: other) }
    }

    @Test func aNameThatEndsLikeASuffixIsNotMistaken() async throws {
        _ = try await create("short")
        let long = try await secrets.create(.init(name: name + "-AbCdEf", value: .text("long")), in: home).secret
        let arn = "arn:aws:secretsmanager:us-east-2:111122223333:secret:\(name)-AbCdEf"
        #expect(try await secrets.value(of: arn, in: home).secret.arn == long.arn)
    }

    @Test func aNewValueIsCurrentAndTheOldOnePrevious() async throws {
        _ = try await create()
        for (number, value) in [(2, "two"), (3, "three")] {
            let put = try await secrets.put(.text(value), into: name, in: home, token: Self.token(number), stages: [])
            #expect(put.version.stages == ["AWSCURRENT"])
        }
        #expect(
            try await stages() == [
                Self.token(1): [], Self.token(2): ["AWSPREVIOUS"], Self.token(3): ["AWSCURRENT"],
            ])
        #expect(try await secrets.value(of: name, in: home, stage: "AWSPREVIOUS").value == .text("two"))
        #expect(try await secrets.value(of: name, in: home, version: Self.token(1)).value == .text("one"))
        await expectRefusal(.secretResourceNotFound) { _ = try await secrets.value(of: name, in: home, stage: "NONE") }
        await expectRefusal(.secretInvalidRequest) {
            _ = try await secrets.value(of: name, in: home, version: Self.token(1), stage: "AWSCURRENT")
        }
    }

    @Test func aStageOfOnesOwnLeavesTheCurrentValue() async throws {
        _ = try await create()
        let put = try await secrets.put(.binary([0, 255]), into: name, in: home, token: Self.token(2), stages: ["AWSPENDING"])
        #expect(put.version.stages == ["AWSPENDING"])
        #expect(try await secrets.value(of: name, in: home).value == .text("one"))
        #expect(try await secrets.value(of: name, in: home, stage: "AWSPENDING").value == .binary([0, 255]))
        _ = try await secrets.move(stage: "AWSCURRENT", of: name, in: home, from: Self.token(1), to: Self.token(2))
        #expect(try await stages() == [Self.token(1): ["AWSPREVIOUS"], Self.token(2): ["AWSCURRENT", "AWSPENDING"]])
        _ = try await secrets.move(stage: "AWSPENDING", of: name, in: home, from: Self.token(2), to: nil)
        await expectRefusal(.invalidParameter) {
            _ = try await secrets.move(stage: "AWSCURRENT", of: name, in: home, from: Self.token(1), to: Self.token(1))
        }
        await expectRefusal(.invalidParameter) {
            _ = try await secrets.move(stage: "AWSCURRENT", of: name, in: home, from: Self.token(2), to: nil)
        }
    }

    @Test func theFirstValueOfASecretWithoutOneIsCurrent() async throws {
        _ = try await create(nil)
        await expectRefusal(.secretResourceNotFound) { _ = try await secrets.value(of: name, in: home) }
        _ = try await secrets.put(.text("x"), into: name, in: home, token: Self.token(2), stages: ["MINE"])
        #expect(try await stages() == [Self.token(2): ["AWSCURRENT", "MINE"]])
    }

    @Test func theSameRequestTwiceChangesNothing() async throws {
        let secret = try await create()
        let again = try await secrets.create(.init(name: name, value: .text("one"), token: Self.token(1)), in: home)
        #expect(again.secret.arn == secret.arn && again.version == Self.token(1))
        await expectRefusal(.secretResourceExists) {
            _ = try await secrets.create(.init(name: name, value: .text("two"), token: Self.token(1)), in: home)
        }
        await expectRefusal(.secretResourceExists) { _ = try await secrets.create(.init(name: name), in: home) }
        for _ in 0..<2 { _ = try await secrets.put(.text("two"), into: name, in: home, token: Self.token(2), stages: []) }
        await expectRefusal(.secretResourceExists) {
            _ = try await secrets.put(.text("three"), into: name, in: home, token: Self.token(2), stages: [])
        }
        #expect(try await stages().count == 2)
    }

    @Test func updatingChangesWhatIsTold() async throws {
        let key = try await test.key()
        _ = try await create()
        let described = try await secrets.update(name, in: home, .init(description: "a login"))
        #expect(described.version == nil && described.secret.description == "a login")
        let moved = try await secrets.update(name, in: home, .init(kmsKey: key.arn))
        #expect(moved.secret.kmsKey == key.arn)
        #expect(try await secrets.describe(name, in: home).versions.map(\.kmsKeyARN) == [key.arn])
        #expect(try await secrets.value(of: name, in: home).value == .text("one"))
        let changed = try await secrets.update(name, in: home, .init(value: .text("two"), token: Self.token(2)))
        #expect(changed.version == Self.token(2))
        #expect(try await secrets.value(of: name, in: home).value == .text("two"))

        try await test.keys.disable(key.id, in: home)
        await expectRefusal(.unableToDecryptSecretValue) { _ = try await secrets.value(of: name, in: home) }
        await expectRefusal(.kmsKeyDisabled) {
            _ = try await secrets.put(.text("3"), into: name, in: home, token: nil, stages: [])
        }
        try await test.keys.enable(key.id, in: home)
        #expect(try await secrets.value(of: name, in: home).value == .text("two"))
    }

    @Test func aDeletedSecretCanBeRestoredUntilItsDayComes() async throws {
        _ = try await create()
        let deleted = try await secrets.delete(name, in: home, recovery: .days(7))
        #expect(deleted.deletionAt == test.time.now + .seconds(7 * 86_400))
        await expectRefusal(.secretInvalidRequest) { _ = try await secrets.value(of: name, in: home) }
        await expectRefusal(.secretInvalidRequest) { _ = try await secrets.delete(name, in: home, recovery: .days(7)) }
        await expectRefusal(.secretInvalidRequest) { _ = try await secrets.create(.init(name: name), in: home) }
        #expect(try await secrets.describe(name, in: home).secret.deletionAt != nil)
        _ = try await secrets.restore(name, in: home)
        #expect(try await secrets.value(of: name, in: home).value == .text("one"))

        _ = try await secrets.delete(name, in: home, recovery: .days(7))
        test.time.pass(days: 7)
        await expectRefusal(.secretResourceNotFound) { _ = try await secrets.restore(name, in: home) }
        let new = try await secrets.create(.init(name: name, value: .text("new")), in: home).secret
        #expect(new.arn != deleted.arn)
        await expectRefusal(.secretResourceNotFound) { _ = try await secrets.value(of: deleted.arn, in: home) }
    }

    @Test func deletingWithoutRecoveryIsAtOnceAndMayBeRepeated() async throws {
        _ = try await create()
        for _ in 0..<2 { _ = try await secrets.delete(name, in: home, recovery: .none) }
        await expectRefusal(.secretResourceNotFound) { _ = try await secrets.describe(name, in: home) }
        let rows = try await test.database.read { sql in try sql.rows("SELECT 1 FROM secret_version", []).count }
        #expect(rows == 0)
        _ = try await create("again")
    }

    @Test(arguments: ["", "a b", "a\n", "ä", "a:b", String(repeating: "a", count: 513)])
    func aNameThatCannotBe(name: String) async {
        await expectRefusal(.validation) { _ = try await secrets.create(.init(name: name), in: home) }
    }

    @Test func aValueThatIsTooLongIsRefused() async throws {
        _ = try await create()
        let long = SecretValue.text(String(repeating: "x", count: SecretValue.maxBytes + 1))
        await expectRefusal(.invalidParameter) { _ = try await secrets.put(long, into: name, in: home, token: nil, stages: []) }
    }

    @Test func listsAreFilteredSortedAndComeInParts() async throws {
        for (index, name) in ["app/b", "app/a", "other"].enumerated() {
            test.time.pass(seconds: 1)
            _ = try await secrets.create(
                .init(name: name, description: "Login \(index)", tags: [ResourceTag(key: "team", value: "t\(index)")]),
                in: home)
        }
        func names(_ listing: SecretListing) async throws -> [String] {
            try await secrets.list(listing, in: home, after: nil, limit: 100).items.map(\.secret.name)
        }
        #expect(try await names(.init()) == ["app/b", "app/a", "other"])
        #expect(try await names(.init(sorting: .name, order: .desc)) == ["other", "app/b", "app/a"])
        #expect(try await names(.init(filters: [.init(key: .name, values: ["app/"])])) == ["app/b", "app/a"])
        #expect(try await names(.init(filters: [.init(key: .name, values: ["!app/"])])) == ["other"])
        #expect(try await names(.init(filters: [.init(key: .tagValue, values: ["t1"])])) == ["app/a"])
        #expect(try await names(.init(filters: [.init(key: .all, values: ["login 2"])])) == ["other"])
        _ = try await secrets.delete("other", in: home, recovery: .days(7))
        #expect(try await names(.init()).count == 2)
        #expect(try await names(.init(deleted: .listed)).count == 3)
        let first = try await secrets.list(.init(sorting: .name), in: home, after: nil, limit: 1)
        let second = try await secrets.list(.init(sorting: .name), in: home, after: first.next, limit: 1)
        #expect(first.items.map(\.secret.name) == ["app/a"] && second.items.map(\.secret.name) == ["app/b"])
        #expect(second.next == nil)
    }

    @Test(
        "Words, as Secrets Manager searches descriptions and everything",
        arguments: [
            ("a second", ["A second secret"], true), ("secret sec", ["A second secret"], true),
            ("econd", ["A second secret"], false),
            ("second third", ["A second", "a third"], false), ("", ["a"], false), ("-", ["a-b"], false), (" ", ["a b"], false),
            ("name", ["my/secret-name"], false), ("name", ["my-secret-name"], true),
            ("login", ["MyLogin"], true), ("ogin", ["MyLogin"], false), ("MYLOGIN", ["MyLogin"], false),
            ("rotated", ["a.rotatedKey"], true),
        ])
    func searching(wanted: String, texts: [String], isFound: Bool) async throws {
        let (description, name) = (texts[0], "other")
        _ = try await secrets.create(
            .init(name: name, description: description, tags: texts.dropFirst().map { .init(key: $0, value: "") }), in: home)
        for key in [SecretListing.Filter.Key.description, .all] {
            let found = try await secrets.list(
                .init(filters: [.init(key: key, values: [wanted])]), in: home, after: nil, limit: 9
            ).items
            #expect(found.isEmpty != isFound, "\(key)")
        }
    }

    @Test func everyFilterMustFitAndOneValueOfEach() async throws {
        for (name, description) in [("one", "first login"), ("two", "second login"), ("three", "second thing")] {
            _ = try await secrets.create(.init(name: name, description: description), in: home)
        }
        func names(_ filters: [SecretListing.Filter]) async throws -> Set<String> {
            Set(try await secrets.list(.init(filters: filters), in: home, after: nil, limit: 9).items.map(\.secret.name))
        }
        let second = SecretListing.Filter(key: .description, values: ["second"])
        #expect(try await names([second]) == ["two", "three"])
        #expect(try await names([second, .init(key: .all, values: ["login"])]) == ["two"])
        #expect(try await names([.init(key: .description, values: ["first", "thing"])]) == ["one", "three"])
        #expect(try await names([.init(key: .description, values: ["!second"])]) == ["one"])
    }

    @Test func aNameThatNoSecretCanHaveIsNotDeleted() async {
        await expectRefusal(.validation) { _ = try await secrets.delete("in valid", in: home, recovery: .none) }
        await expectRefusal(.secretResourceNotFound) { _ = try await secrets.delete("in valid", in: home, recovery: .days(7)) }
    }

    @Test func aStageIsMovedSomewhere() async throws {
        _ = try await create()
        await expectRefusal(.invalidParameter) {
            _ = try await secrets.move(stage: "NONE", of: name, in: home, from: nil, to: nil)
        }
    }

    @Test func deprecatedVersionsAreListedOnRequestAndForgottenAtLast() async throws {
        _ = try await create()
        for number in 2...130 {
            _ = try await secrets.put(.text("\(number)"), into: name, in: home, token: Self.token(number), stages: [])
            test.time.pass(seconds: 3_600)
        }
        let all = try await secrets.versions(of: name, in: home, deprecated: .listed, after: nil, limit: 1_000).page.items
        #expect(all.count == 100)
        let current = try await secrets.versions(of: name, in: home, deprecated: .leftOut, after: nil, limit: 100).page.items
        #expect(current.map(\.stages) == [["AWSCURRENT"], ["AWSPREVIOUS"]])
    }

    @Test func tagsAreSetAndTakenAway() async throws {
        _ = try await create()
        try await secrets.tag(name, in: home, with: [ResourceTag(key: "a", value: "1"), ResourceTag(key: "b", value: "2")])
        try await secrets.untag(name, in: home, ["a"])
        #expect(try await secrets.describe(name, in: home).tags == [ResourceTag(key: "b", value: "2")])
        try await secrets.untag(name, in: home, ["b"])
        #expect(try await secrets.describe(name, in: home).wasTagged)
        _ = try await secrets.create(.init(name: "never"), in: home)
        #expect(try await !secrets.describe("never", in: home).wasTagged)
    }

    @Test func aValueMovedToAnotherRowDoesNotOpen() async throws {
        _ = try await create()
        _ = try await secrets.create(.init(name: "other", value: .text("x"), token: Self.token(1)), in: home)
        _ = try await test.database.write { sql in
            try sql.execute(
                """
                UPDATE secret_version SET sealed = (SELECT sealed FROM secret_version WHERE secret LIKE $1) WHERE secret LIKE $2
                """, [.text("%docker%"), .text("%other%")])
        }
        await expectRefusal(.unableToDecryptSecretValue) { _ = try await secrets.value(of: "other", in: home) }
    }

    @Test func aRulesSecretIsALogin() async throws {
        let arn = try await create(#"{"username":"me","accessToken":"swordfish"}"#).arn
        let login = try await secrets.credential(arn: arn, in: home)
        #expect(login.username == "me" && login.accessToken == "swordfish")
        _ = try await secrets.put(
            .text(#"{"username":"me","accessToken":"rotated"}"#), into: name, in: home, token: nil, stages: [])
        #expect(try await secrets.credential(arn: String(arn.dropLast(7)), in: home).accessToken == "rotated")
        await expectRefusal(.secretNotFound) { try await secrets.exists(arn: name, in: home) }
        let elsewhere = try TestVault.registry("111122223333", "us-west-2")
        await expectRefusal(.secretNotFound) { try await secrets.exists(arn: arn, in: elsewhere) }
        _ = try await secrets.delete(arn, in: home, recovery: .days(7))
        await expectRefusal(.secretNotFound) { try await secrets.exists(arn: arn, in: home) }
        await expectRefusal(.secretNotFound) { _ = try await secrets.credential(arn: arn, in: home) }
    }

    @Test(arguments: [
        "test", "{}", #"{"username":"swordfish"}"#, #"{"username":"","accessToken":"swordfish"}"#, "[\"swordfish\"]",
    ])
    func aSecretThatIsNoLoginSaysSoWithoutItsContent(value: String) async throws {
        let arn = try await create(value).arn
        try await secrets.exists(arn: arn, in: home)
        let refusal = await expectRefusal(.unableToAccessSecret) { _ = try await secrets.credential(arn: arn, in: home) }
        #expect(refusal?.message.contains(name) == true && refusal?.message.contains("swordfish") == false)
    }

    @Test func markersAreNowhereInTheDatabaseFile() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("weir-vault-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let test = try await TestVault(database: SQLiteDatabase(path: folder.appendingPathComponent("weir.sqlite").path))
        let marker = "MARKER-51d2c8"
        _ = try await test.secrets.create(.init(name: "visible-name", value: .text("x\(marker)x")), in: test.home)
        _ = try await test.secrets.put(.binary(Array(marker.utf8)), into: "visible-name", in: test.home, token: nil, stages: [])
        var all = Data()
        for file in try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil) {
            all += try Data(contentsOf: file)
        }
        #expect(all.range(of: Data("visible-name".utf8)) != nil)
        #expect(all.range(of: Data(marker.utf8)) == nil)
    }
}
