import ConformanceSuites
import Synchronization
import WeirCore
import WeirIdentity
import WeirStorage
import WeirVault

/// Users, roles and sessions over a database in memory, with a clock that stands until it is moved. Rows are written as the
/// services write them.
final class SessionRoom: Sendable {
    static let account = try! AccountID("111122223333")
    static let other = try! AccountID("444455556666")
    static let region = try! Region("us-east-1")

    let database: any SQLDatabase
    let rootKey: RootKey
    let keys: AccessKeys
    let credentials: Credentials
    let principals: Principals
    let sessions: Sessions
    let revocations: Revocations

    init(webIdentities: any WebIdentities = NoWebIdentities()) async throws {
        database = StrictDatabase(try SQLiteDatabase.inMemory())
        try await database.migrate(IdentitySchema.migrations)
        rootKey = try RootKey(bytes: RootKey.newBytes())
        let moment = MomentBox()
        let clock = WallClock { moment.now }
        box = moment
        let store = IdentityStore(database: database, clock: clock)
        keys = AccessKeys(database: database, rootKey: rootKey, clock: clock)
        principals = Principals(store: store) { _ in true }
        let tokens = SessionTokens(rootKey: rootKey)
        credentials = Credentials(keys: keys, principals: principals, tokens: tokens)
        sessions = Sessions(
            tokens: tokens, principals: principals, roles: Roles(store: store, principals: principals, uses: keys.uses),
            webIdentities: webIdentities)
        revocations = Revocations(store: store)
        try await keys.add(id: "AKIAROOT", secret: "root-secret", account: Self.account)
        // Writing to it is what every service's write does: it ends what was remembered.
        try await entity("AIDABYSTANDERBYSTANDE", .user, "bystander")
    }

    private let box: MomentBox

    final class MomentBox: Sendable {
        private let moment = Mutex(Timestamp(microseconds: 1_800_000_000_000_000))
        var now: Timestamp { moment.withLock { $0 } }
        func pass(_ duration: Duration) { moment.withLock { $0 = $0 + duration } }
    }

    var now: Timestamp { box.now }
    func pass(_ duration: Duration) { box.pass(duration) }

    func run(_ sql: String, _ values: [SQLValue] = []) async throws {
        _ = try await database.write { try $0.execute(sql, values) }
        try await revocations.revokeSessions(of: .user, named: "bystander", in: Self.account)
    }

    func entity(
        _ id: String, _ kind: EntityKind, _ name: String, in account: AccountID = account, tags: String = "{}"
    ) async throws {
        _ = try await database.write {
            try $0.execute(
                """
                INSERT INTO iam_entity (id, account, kind, name, folded_name, path, created_at, changed_at, tags)
                VALUES ($1, $2, $3, $4, $4, '/', 1, 1, $5)
                """, [.text(id), .text(account), .text(kind.rawValue), .text(name), .text(tags)])
        }
    }

    /// A user with a key `AKIA` + its name in capitals.
    @discardableResult
    func user(_ name: String, in account: AccountID = account, allowing actions: String? = nil) async throws -> Caller {
        let id = "AIDA" + String(repeating: "A", count: 17 - name.utf8.count) + name.uppercased()
        try await entity(id, .user, name, in: account)
        if let actions { try await allow(actions, to: id) }
        let key = "AKIA" + name.uppercased()
        let secret = try rootKey.seal(Array("secret-of-\(name)".utf8), as: "access-key/\(key)")
        try await run(
            """
            INSERT INTO access_key (id, account, principal_arn, user_id, sealed_secret, created_at, status)
            VALUES ($1, $2, '', $3, $4, 1, 'Active')
            """, [.text(key), .text(account), .text(id), .bytes(secret)])
        try await keys.load()
        return .user(IAMIdentity(id: id, arn: "arn:aws:iam::\(account):user/\(name)", name: name), of: account)
    }

    func allow(_ action: String, to id: String) async throws {
        let text = #"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"\#(action)","Resource":"*"}}"#
        try await run(
            "INSERT INTO iam_inline_policy (owner_id, name, document) VALUES ($1, $2, $3)",
            [.text(id), .text(action), .text(text)])
    }

    /// A role whose trust has these statements. Returns its ARN.
    @discardableResult
    func role(
        _ name: String, trust: String, in account: AccountID = account, hours: Int64 = 1, tags: String = "{}", id: String? = nil
    ) async throws -> String {
        let id = id ?? "AROA" + String(repeating: "A", count: 17 - name.utf8.count) + name.uppercased()
        try await entity(id, .role, name, in: account, tags: tags)
        try await run(
            "INSERT INTO iam_role (id, trust, trust_pins, max_session_seconds) VALUES ($1, $2, '{}', $3)",
            [.text(id), .text(#"{"Version":"2012-10-17","Statement":[\#(trust)]}"#), .integer(hours * 3_600)])
        return "arn:aws:iam::\(account):role/\(name)"
    }

    static func trust(_ principal: String, _ actions: String = "sts:AssumeRole", condition: String = "") -> String {
        let list = actions.split(separator: " ").map { "\"\($0)\"" }.joined(separator: ",")
        let rest = condition.isEmpty ? "" : ",\"Condition\":\(condition)"
        return #"{"Effect":"Allow","Principal":{"AWS":"\#(principal)"},"Action":[\#(list)]\#(rest)}"#
    }

    func assume(
        _ arn: String, by caller: Caller, name: String = "run", _ change: (inout RoleSessionRequest) -> Void = { _ in }
    ) async throws -> SessionCredentials {
        var request = RoleSessionRequest(roleARN: arn, name: name)
        change(&request)
        return try await sessions.assumeRole(request, by: caller, in: Self.region, at: now).credentials
    }

    /// The caller of the credentials, as a signature by them finds it.
    func caller(_ credentials: SessionCredentials) async throws -> Caller {
        try await self.credentials.signer(credentials.accessKeyID, sessionToken: credentials.sessionToken, at: now).caller
    }

    /// The reason of a refusal; nil where there is none.
    func reason(_ body: () async throws -> Void) async throws -> Refusal.Reason? {
        do {
            try await body()
            return nil
        } catch let refusal as Refusal { return refusal.reason }
    }

    func tokens(_ change: (inout RegistryTokens.Settings) -> Void = { _ in }) -> RegistryTokens {
        var settings = RegistryTokens.Settings()
        change(&settings)
        return RegistryTokens(rootKey: rootKey, credentials: credentials, region: Self.region, settings: settings)
    }
}
