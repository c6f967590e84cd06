import Foundation
import Testing
import WeirCommands
import WeirCore

/// Registry passwords between two runs: how long, for whom, and in which file.
@Suite struct TokenCacheTests {
    /// A folder that is gone after the test.
    private final class Folder {
        let path = NSTemporaryDirectory() + "weir-cache-\(UUID().uuidString)"
        var cache: String { path + "/a/weir" }
        var file: String { cache + "/registry-passwords.json" }
        deinit { try? FileManager.default.removeItem(atPath: path) }

        func mode(_ path: String) -> Int? {
            ((try? FileManager.default.attributesOfItem(atPath: path)[.posixPermissions]) as? NSNumber)?.intValue
        }
    }

    private let folder = Folder()

    private func cache(at seconds: Int64 = 0) -> TokenCache {
        TokenCache(folder: folder.cache, clock: WallClock { FakeServer.now + .seconds(seconds) })
    }

    private func password(_ text: String, lasting seconds: Int64 = 43_200) throws -> RegistryPassword {
        try #require(RegistryPassword(user: "AWS", password: text, expiresAt: FakeServer.now + .seconds(seconds)))
    }

    @Test func whatIsKeptIsThereAgain() throws {
        #expect(cache()["k"] == nil)
        cache().keep(try password("one"), as: "k")
        cache().keep(try password("two"), as: "l")
        #expect(try cache()["k"] == password("one") && cache()["l"] == password("two") && cache()["m"] == nil)
        cache().keep(try password("three"), as: "k")
        #expect(try cache()["k"] == password("three"))
        #expect(folder.mode(folder.file) == 0o600 && folder.mode(folder.cache) == 0o700)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.cache) == ["registry-passwords.json"])
    }

    @Test(
        "Until five minutes before its end, by a clock that may have been set back",
        arguments: [
            (0, true), (3_299, true), (3_300, false), (3_600, false), (100_000, false), (-39_000, true), (-50_000, false),
        ])
    func howLong(seconds: Int64, isThere: Bool) throws {
        cache().keep(try password("one", lasting: 3_600), as: "k")
        #expect((cache(at: seconds)["k"] != nil) == isThere)
    }

    @Test func whatIsOverIsRemovedWhenTheFileIsWritten() throws {
        cache().keep(try password("old-one", lasting: 3_600), as: "k")
        cache(at: 3_600).keep(try password("new-one"), as: "l")
        let text = try String(contentsOfFile: folder.file, encoding: .utf8)
        #expect(!text.contains("old-one") && text.contains("new-one"))
        cache(at: 3_600).keep(try password("too-short", lasting: 3_800), as: "m")
        #expect(try String(contentsOfFile: folder.file, encoding: .utf8) == text)
    }

    @Test func itHasABound() throws {
        for number in 0..<100 { cache().keep(try password("p\(number)", lasting: 10_000 + Int64(number)), as: "k\(number)") }
        #expect(cache()["k99"] != nil && cache()["k36"] != nil && cache()["k35"] == nil)
        #expect(try String(contentsOfFile: folder.file, encoding: .utf8).count < 20_000)
    }

    @Test(
        "A file that makes no sense counts as none, and is replaced",
        arguments: [
            "", "{", "[]", #"{"version": 2, "passwords": []}"#, #"{"version": 1, "passwords": {}}"#,
            #"{"version": 1, "passwords": [1, null, {"key": "k"}, {"key": "k", "user": "AWS", "password": "x", "expiresAt": "soon"}]}"#,
            #"{"version": 1, "passwords": [{"key": "k", "user": "AWS", "password": "x", "expiresAt": 9223372036854775807}]}"#,
            #"{"version": 1, "passwords": [{"key": "k", "user": "AWS", "password": "x", "expiresAt": -9223372036854775808}]}"#,
            #"{"version": 1, "passwords": [{"key": "k", "user": "A:S", "password": "x\ny", "expiresAt": 1780280000}]}"#,
            String(repeating: "[", count: 100_000),
        ])
    func nonsense(text: String) throws {
        cache().keep(try password("one"), as: "l")
        try Data(text.utf8).write(to: URL(fileURLWithPath: folder.file))
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: folder.file)
        #expect(cache()["k"] == nil)
        cache().keep(try password("two"), as: "k")
        #expect(try cache()["k"] == password("two"))
    }

    @Test("A file or a folder that others could have written or can read is not believed", arguments: [0o644, 0o660, 0o606])
    func foreign(mode: Int) throws {
        cache().keep(try password("one"), as: "k")
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: folder.file)
        #expect(cache()["k"] == nil)
        cache().keep(try password("two"), as: "l")
        #expect(try cache()["l"] == password("two") && cache()["k"] == nil && folder.mode(folder.file) == 0o600)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder.cache)
        #expect(cache()["l"] == nil)
    }

    @Test func aLinkIsNotFollowed() throws {
        cache().keep(try password("one"), as: "k")
        let other = folder.path + "/other"
        try FileManager.default.moveItem(atPath: folder.file, toPath: other)
        try FileManager.default.createSymbolicLink(atPath: folder.file, withDestinationPath: other)
        let before = try Data(contentsOf: URL(fileURLWithPath: other))
        #expect(cache()["k"] == nil)
        cache().keep(try password("two"), as: "l")
        #expect(try cache()["l"] == password("two"))
        #expect(try Data(contentsOf: URL(fileURLWithPath: other)) == before)
    }

    @Test("Where it cannot be written there is none, and nothing fails", arguments: ["/proc/none/weir", "/dev/null/weir"])
    func nowhere(path: String) async throws {
        let cache = TokenCache(folder: path, clock: WallClock { FakeServer.now })
        cache.keep(try password("one"), as: "k")
        #expect(cache["k"] == nil)
        var machine = FakeMachine()
        machine.cache = cache
        #expect(await machine.help("get", "registry.example").isSuccess)
    }

    @Test(arguments: [
        (["HOME": "/h"], true), (["XDG_CACHE_HOME": "/c"], true), ([:], false), (["HOME": ""], false),
        (["HOME": "relative"], false),
        (["XDG_CACHE_HOME": "relative"], false),
    ])
    func theUsualFolder(environment: [String: String], isThere: Bool) {
        #expect((TokenCache(environment, clock: WallClock { FakeServer.now }) != nil) == isThere)
    }

    // MARK: In use

    @Test func theSecondSignInAsksNobody() async throws {
        let server = FakeServer()
        var machine = FakeMachine()
        machine.cache = cache()
        for _ in 0..<3 { #expect(await machine.help("get", "registry.example", server).isSuccess) }
        #expect(server.calls.count == 1)
        // Another endpoint, another region and another principal are others.
        _ = await machine.help("get", "registry.example:5050", server)
        machine.environment["AWS_REGION"] = "eu-west-1"
        _ = await machine.help("get", "registry.example", server)
        machine.environment["AWS_SECRET_ACCESS_KEY"] = "another"
        _ = await machine.help("get", "registry.example", server)
        #expect(server.calls.count == 4)
        #expect(!(try String(contentsOfFile: folder.file, encoding: .utf8)).contains("AKIAENV"))
    }

    @Test func aRoleIsNotAssumedForAPasswordThatIsThere() async throws {
        let server = FakeServer()
        var machine = FakeMachine()
        machine.cache = cache()
        machine.environment = ["AWS_PROFILE": "ci", "HOME": "/h", "WEIR_HOSTS": "registry.example"]
        machine.files["/h/.aws/config"] =
            "[profile ci]\nrole_arn = arn:aws:iam::123456789012:role/ci\nsource_profile = base\n"
            + "[profile base]\naws_access_key_id = AKIABASE\naws_secret_access_key = s\n"
        for _ in 0..<2 { #expect(await machine.help("get", "registry.example", server).isSuccess) }
        #expect(server.calls.map(\.operation) == ["AssumeRole", "GetAuthorizationToken"])
        #expect(server.calls[1].accessKeyID == "ASIA-of-AKIABASE" && server.calls[1].sessionToken == FakeServer.sessionToken)
    }
}
