package import WeirCore
package import WeirIdentity
package import WeirRegistry

/// The operator's own API, for what ECR has no operation for, in ECR's dialect (docs/operating.md).
///
/// JSON 1.1, signed for the service `ecr`, `X-Amz-Target: Weir_20261122.OPERATION`. Each operation needs the IAM action
/// `weir:OPERATION`.
package enum WeirOperations {
    /// - Parameters:
    /// - clock: described and accepted where it is given.
    /// - identity: accounts, users, roles and their policies.
    /// - home: the server's own registry. Only its account may call the operations that concern the whole server.
    package static func table(
        registry: Registry, identity: IdentityParts, clock: SteadyClock? = nil, home: RegistryID
    ) -> [AWSOperation] {
        let tables: [[AWSOperation]] = [
            RuleOptionOperations(registry: registry).table, PullOperations(registry: registry).table,
            LifecycleRunOperations(registry: registry).table, JobOperations(registry: registry, home: home).table,
            LostOperations(registry: registry, home: home).table,
            clock.map { ClockOperations(registry: registry, clock: $0, home: home).table } ?? [],
            HostedAccountOperations(registry: registry, accounts: identity.accounts, home: home).table,
            IdentityOperations(store: identity.store).table,
            ExplanationOperations(registry: registry, identity: identity).table,
            CheckOperations(registry: registry, identity: identity, home: home).table,
            WebIdentityOperations(identity: identity).table,
        ]
        return tables.flatMap(\.self)
    }
}

/// What the operator's operations need of Identity.
package struct IdentityParts: Sendable {
    package let accounts: Accounts
    package let store: IdentityStore
    package let principals: Principals
    package let webTokens: WebTokens

    package init(accounts: Accounts, store: IdentityStore, principals: Principals, webTokens: WebTokens) {
        self.accounts = accounts
        self.store = store
        self.principals = principals
        self.webTokens = webTokens
    }
}
