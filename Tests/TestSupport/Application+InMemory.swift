import ConformanceSuites
import Foundation
package import Logging
import Synchronization
package import WeirApplication
package import WeirCore
import WeirIdentity
import WeirStorage
import WeirVault
import WeirServer
import WeirWeb

/// A clock that stands until it is moved.
package final class TestClock: Sendable {
    private let moment: Mutex<Timestamp>

    package init(_ moment: Timestamp = Timestamp(seconds: 1_800_000_000)) { self.moment = Mutex(moment) }

    package var now: Timestamp { moment.withLock { $0 } }
    package var wall: WallClock { WallClock { self.now } }
    package func pass(_ duration: Duration) { moment.withLock { $0 = $0 + duration } }
}

/// A folder of its own, gone with the test.
package final class TestFolder: Sendable {
    package let path: String

    package init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("weir-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

extension Application {
    package static let testHome = RegistryID(
        account: try! AccountID("111122223333"), region: try! Region("us-east-2"))

    package static func strictDatabase() throws -> any SQLDatabase { StrictDatabase(try SQLiteDatabase.inMemory()) }

    /// The application over a strict database in memory, without its server.
    ///
    /// - Parameters:
    ///   - publicURL: where clients are told to reach it.
    ///   - change: what the test wants otherwise.
    package static func inMemory(
        _ database: (any SQLDatabase)? = nil, store: any BlobStore, upstream: any UpstreamRegistry, clock: WallClock,
        at publicURL: (scheme: String, host: String) = ("https", "registry.test"), logger: Logger = Logger(label: "test"),
        _ change: (inout Settings, inout Ports) -> Void = { _, _ in }
    ) async throws -> Application {
        let database = try database ?? strictDatabase()
        try await database.migrate(migrations)
        let keys = try await Keys.open(database: database, root: RootKey(bytes: RootKey.newBytes()), clock: clock)
        var web = WebSettings(server: ServerSettings(host: "127.0.0.1", port: 0), publicHost: publicURL.host)
        web.publicScheme = publicURL.scheme
        var settings = Settings(home: testHome, web: web)
        var ports = Ports(database: database, store: store, upstream: upstream, clock: clock, logger: logger)
        change(&settings, &ports)
        try await keys.accounts.begin(at: settings.home.account)
        return Application(settings, keys, on: ports)
    }
}
