import ConformanceSuites
import Synchronization
import WeirCore
import WeirIdentity
import WeirStorage
import WeirVault

/// Users, groups, roles and keys over an in-memory database, with a clock that moves when it is told to.
final class EntityRoom: Sendable {
    let database: any SQLDatabase
    let rootKey: RootKey
    let store: IdentityStore
    let keys: AccessKeys
    let principals: Principals
    let users: Users
    let groups: Groups
    let roles: Roles
    let profiles: InstanceProfiles
    let home: AccountID
    let other: AccountID
    let region: Region
    private let moment: Moment

    /// Named apart, so that the clock's closure need not hold the room.
    private final class Moment: Sendable {
        let now = Mutex(Timestamp(seconds: 1_800_000_000))
    }

    init() async throws {
        let moment = Moment()
        self.moment = moment
        let clock = WallClock { moment.now.withLock { $0 } }
        database = StrictDatabase(try SQLiteDatabase.inMemory())
        try await database.migrate(IdentitySchema.migrations)
        rootKey = try RootKey(bytes: RootKey.newBytes())
        store = IdentityStore(database: database, clock: clock)
        let (home, other) = (try AccountID("111122223333"), try AccountID("444455556666"))
        (self.home, self.other) = (home, other)
        region = try Region("us-east-2")
        keys = AccessKeys(database: database, rootKey: rootKey, clock: clock)
        principals = Principals(store: store) { $0 == home || $0 == other }
        users = Users(store: store)
        groups = Groups(store: store)
        roles = Roles(store: store, principals: principals, uses: keys.uses)
        profiles = InstanceProfiles(store: store)
    }

    var now: Timestamp { moment.now.withLock { $0 } }

    func pass(_ duration: Duration) { moment.now.withLock { $0 = $0 + duration } }

    func user(_ name: String, path: String = "/", in account: AccountID? = nil) async throws -> Entity {
        try await users.create(NewEntity(name, path: path), in: account ?? home)
    }

    func owner(_ user: Entity) -> AccessKeys.Owner { .user(id: user.id, account: user.account) }

    /// A trust in one principal.
    func trust(_ principal: String, _ kind: String = "AWS") -> String {
        #"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"\#(kind)": "\#(principal)"}, "Action": "sts:AssumeRole"}]}"#
    }

    /// Writes a row as another room's service would.
    func write(_ statement: String, _ arguments: [SQLValue]) async throws {
        _ = try await database.write { sql in try sql.execute(statement, arguments) }
    }
}

/// The refusal that `body` throws, `reason: message`; `done` where it throws none.
func told<Value>(_ body: () async throws -> Value) async throws -> String {
    do { _ = try await body() } catch let refusal as Refusal { return refusal.description }
    return "done"
}
