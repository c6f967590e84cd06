import ConformanceSuites
import Testing
import WeirCore
import WeirIdentity
import WeirStorage

/// Policies of one account over an in-memory database, with a clock that stands still.
struct PolicyRoom {
    static let anything = #"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#
    static let nothing = #"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}"#

    let database: any SQLDatabase
    let store: IdentityStore
    let account: AccountID
    let now = Timestamp(seconds: 1_800_000_000)
    let policies: ManagedPolicies
    let attachments: PolicyAttachments
    let inline: InlinePolicies
    let boundaries: PermissionsBoundaries
    let providers: OIDCProviders
    let principals: Principals

    init() async throws {
        database = StrictDatabase(try SQLiteDatabase.inMemory())
        try await database.migrate(IdentitySchema.migrations)
        store = IdentityStore(database: database, clock: WallClock { Timestamp(seconds: 1_800_000_000) })
        account = try AccountID("111122223333")
        policies = ManagedPolicies(store: store)
        attachments = PolicyAttachments(store: store)
        inline = InlinePolicies(store: store)
        boundaries = PermissionsBoundaries(store: store)
        providers = OIDCProviders(store: store)
        principals = Principals(store: store) { _ in true }
    }

    /// A user, group or role that is simply there.
    @discardableResult
    func made(_ kind: EntityKind, _ name: String, path: String = "/", in account: AccountID? = nil) async throws -> PolicyOwner {
        let account = account ?? self.account
        _ = try await database.write { sql in
            try sql.execute(
                """
                INSERT INTO iam_entity (id, account, kind, name, folded_name, path, created_at, changed_at, tags)
                VALUES ($1, $2, $3, $4, $5, $6, 1, 1, '{}')
                """,
                [
                    .text(Self.id(name)), .text(account), .text(kind.rawValue), .text(name), .text(Entity.folded(name)),
                    .text(path),
                ])
        }
        return PolicyOwner(kind, named: name, in: account)
    }

    /// An id of the form that IAM gives, made from a name.
    static func id(_ name: String) -> String {
        "AIDA" + String(name.uppercased().prefix(17)).padded(to: 17)
    }

    func joined(_ user: String, _ group: String) async throws {
        _ = try await database.write { sql in
            try sql.execute(
                "INSERT INTO iam_membership (group_id, user_id) VALUES ($1, $2)", [.text(Self.id(group)), .text(Self.id(user))])
        }
    }

    func create(_ name: String, _ document: String = anything, path: String = "/") async throws -> String {
        try await policies.create(name, path: path, document: document, description: nil, tags: [], in: account).arn.text()
    }

    /// Whether the user may, in its own account.
    func may(_ user: String, _ action: String, on resource: String = "*") async throws -> Bool {
        let caller = Caller.user(
            IAMIdentity(id: Self.id(user), arn: "arn:aws:iam::\(account):user/\(user)", name: user), of: account)
        let request = AuthorizationRequest(
            caller: caller, action: action, resource: resource, owner: account, context: PolicyContext())
        return Authorizer.decide(request, PolicyLayers(caller: try await principals.policies(of: caller))).isAllowed
    }

    /// The refusal, `reason: message`; nil where there is none.
    static func refusal(_ body: () async throws -> Void) async throws -> String? {
        do { try await body() } catch let refusal as Refusal { return "\(refusal)" }
        return nil
    }
}

extension String {
    fileprivate func padded(to count: Int) -> String { self + String(repeating: "A", count: max(0, count - self.count)) }
}
