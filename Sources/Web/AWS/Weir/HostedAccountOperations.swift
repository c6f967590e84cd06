import WeirCore
import WeirIdentity
import WeirRegistry

/// The accounts of this server, and their access keys.
struct HostedAccountOperations: Sendable {
    let registry: Registry
    let accounts: Accounts
    /// Accounts are the home account's business; each may see to its own keys.
    let home: RegistryID

    var table: [AWSOperation] {
        [
            AWSOperation(.weir, "CreateAccount", may: .home(home), create),
            AWSOperation(.weir, "ListAccounts", may: .home(home), list),
            AWSOperation(.weir, "CreateRootKey", may: .home(home) { try $0.accountARN() }, createRootKey),
            AWSOperation(.weir, "DisableAccount", may: .home(home) { try $0.accountARN() }, disable),
            AWSOperation(.weir, "EnableAccount", may: .home(home) { try $0.accountARN() }, enable),
            AWSOperation(.weir, "ListKeys", may: .account, listKeys),
            AWSOperation(.weir, "RemoveKey", may: .account, removeKey),
        ]
    }

    private func create(_ call: AWSCall) async throws -> JSONValue {
        let id = try call.optionalAccount()
        let alias = try call.input.optionalString("alias", length: 3...63, pattern: IAMPatterns.accountAlias)
        let (account, key) = try await accounts.create(id, alias: alias, partition: call.registry.region.partition)
        return ["account": .account(account, home), "accessKey": .newKey(key)]
    }

    private func list(_ call: AWSCall) async throws -> JSONValue {
        let request = try PageRequest(call.input, of: "ListAccounts")
        let found = try await accounts.list(after: request.after, limit: request.limit + 1)
        let repositories = try await registry.repositories.counts()
        return request.answer(Page(found, limit: request.limit) { "\($0.account.id)" }, as: "accounts") { summary in
            guard case .object(var members) = JSONValue.account(summary.account, home) else { return .null }
            members["rootKeys"] = .integer(summary.rootKeys)
            members["userKeys"] = .integer(summary.userKeys)
            members["users"] = .integer(summary.users)
            members["roles"] = .integer(summary.roles)
            members["repositories"] = .integer(repositories[summary.account.id] ?? 0)
            return .object(members)
        }
    }

    private func createRootKey(_ call: AWSCall) async throws -> JSONValue {
        let (key, removed) = try await accounts.createRootKey(
            of: try call.account(), partition: call.registry.region.partition,
            replacing: try call.input.optionalBool("replace") ?? false)
        return ["accessKey": .newKey(key), "removed": .array(removed.map { .string($0) })]
    }

    private func disable(_ call: AWSCall) async throws -> JSONValue {
        ["account": .account(try await accounts.set(try call.account(), isDisabled: true), home)]
    }

    private func enable(_ call: AWSCall) async throws -> JSONValue {
        ["account": .account(try await accounts.set(try call.account(), isDisabled: false), home)]
    }

    // MARK: Keys

    private func listKeys(_ call: AWSCall) async throws -> JSONValue {
        let request = try PageRequest(call.input, of: "ListKeys")
        let isFromHome = call.caller.account == home.account
        let found = try await accounts.keys(
            of: isFromHome ? nil : call.caller.account, after: request.after, limit: request.limit + 1)
        return request.answer(Page(found, limit: request.limit) { $0.id }, as: "keys") { key in
            .members([
                "accessKeyId": .string(key.id), "accountId": .string("\(key.account)"),
                "owner": key.isRoot ? "root" : key.userName.map { .string("user/\($0)") },
                "status": .string(key.status.rawValue), "createdAt": .timestamp(key.createdAt),
                "lastUsedAt": key.lastUse.map { .timestamp($0.at) },
                "lastUsedService": key.lastUse?.service.map { .string($0) },
                "lastUsedRegion": key.lastUse?.region.map { .string($0) },
            ])
        }
    }

    private func removeKey(_ call: AWSCall) async throws -> JSONValue {
        let id = try call.input.string("accessKeyId", length: 1...128)
        try await accounts.removeKey(id, for: call.caller)
        return ["accessKeyId": .string(id)]
    }
}

extension AWSCall {
    fileprivate func optionalAccount() throws -> AccountID? {
        try input.optionalNoun("accountId", pattern: "^[0-9]{12}$") { text throws(NameError) in try AccountID(text) }
    }

    fileprivate func account() throws -> AccountID { try input.required("accountId", optionalAccount()) }

    /// What a policy names to limit which accounts may be managed.
    fileprivate func accountARN() throws -> String { "arn:\(registry.region.partition):iam::\(try account()):root" }
}

extension JSONValue {
    fileprivate static func account(_ account: Account, _ home: RegistryID) -> JSONValue {
        .members([
            "accountId": .string("\(account.id)"), "alias": account.alias.map { .string($0) },
            "isHome": .bool(account.id == home.account), "createdAt": .timestamp(account.createdAt),
            "disabledAt": account.disabledAt.map { .timestamp($0) },
        ])
    }

    /// With the secret: it is shown this once.
    fileprivate static func newKey(_ key: NewRootKey) -> JSONValue {
        ["accessKeyId": .string(key.id), "secretAccessKey": .string(key.secret)]
    }
}
