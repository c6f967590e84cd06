import ConformanceSuites
import Foundation
import Synchronization
import Testing
import WeirCore
import WeirStorage
import WeirVault

/// A vault over a database of its own, and a clock that stands still until a test moves it.
struct TestVault: Sendable {
    let database: any SQLDatabase
    let root: RootKey
    let time: TestTime
    let vault: Vault
    let home: RegistryID

    init(database: (any SQLDatabase)? = nil, root: RootKey? = nil, time: TestTime = TestTime()) async throws {
        self.database = try database ?? StrictDatabase(SQLiteDatabase.inMemory())
        self.root = try root ?? RootKey(bytes: RootKey.newBytes())
        self.time = time
        try await self.database.migrate(VaultSchema.migrations)
        vault = try await Vault.open(database: self.database, root: self.root, clock: time.clock)
        home = try Self.registry("111122223333", "us-east-2")
    }

    var keyring: Keyring { vault.keyring }
    var keys: Keys { vault.keys }
    var secrets: Secrets { vault.secrets }

    /// The same data, opened again as after a restart.
    func reopened() async throws -> TestVault { try await TestVault(database: database, root: root, time: time) }

    static func registry(_ account: String, _ region: String) throws -> RegistryID {
        RegistryID(account: try AccountID(account), region: try Region(region))
    }

    func key() async throws -> KMSKey { try await keys.create(NewKey(description: "test"), in: home) }
}

final class TestTime: Sendable {
    private let moment = Mutex(Timestamp(seconds: 1_800_000_000))

    var clock: WallClock { WallClock { self.moment.withLock { $0 } } }
    var now: Timestamp { moment.withLock { $0 } }

    func pass(days: Int) { moment.withLock { $0 = $0 + .seconds(days * 86_400) } }
    func pass(seconds: Int) { moment.withLock { $0 = $0 + .seconds(seconds) } }
}

/// Runs `body`, expects a refusal with this reason, and returns it.
@discardableResult
func expectRefusal(
    _ reason: Refusal.Reason, sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> Void
) async -> Refusal? {
    do {
        try await body()
        Issue.record("expected a refusal: \(reason)", sourceLocation: sourceLocation)
    } catch let refusal as Refusal {
        #expect(refusal.reason == reason, "\(refusal)", sourceLocation: sourceLocation)
        return refusal
    } catch {
        Issue.record("expected a refusal: \(reason), not \(error)", sourceLocation: sourceLocation)
    }
    return nil
}
