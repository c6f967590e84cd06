package import WeirCore

/// Reads the policies of a user, group or role for a simulation.
package struct PolicySources: Sendable {
    let store: IdentityStore

    package init(store: IdentityStore) { self.store = store }

    /// A user, group or role with what a simulation of it is made from.
    package struct Source: Sendable {
        package let entity: Entity
        /// Its own and, for a user, its groups'.
        package let policies: [SimulatedPolicy]
        /// Nil where it has none.
        package let boundary: [SimulatedPolicy]?
        /// The documents of `policies`.
        package var documents: [String] { policies.map(\.text) }
    }

    /// The owner that an ARN names; nil for an ARN of anything else, and for that of a session.
    package static func owner(_ arn: String) -> PolicyOwner? {
        let parts = arn.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        guard parts.count == 6, parts[0] == "arn", parts[1] == "aws" || parts[1].hasPrefix("aws-"), parts[2] == "iam",
            parts[3].isEmpty, let account = try? AccountID(String(parts[4])), let slash = parts[5].firstIndex(of: "/"),
            let kind = EntityKind(rawValue: String(parts[5][..<slash])), [.user, .group, .role].contains(kind),
            let name = parts[5].split(separator: "/", omittingEmptySubsequences: false).last, !name.isEmpty
        else { return nil }
        return PolicyOwner(kind, named: String(name), in: account)
    }

    /// Throws `.iamInvalidInput` for an ARN of anything else, `.noSuchEntity` where there is none or it is another account's, and
    /// `.accessDenied` where one of its policies cannot be read: a Deny might be lost with it.
    package func source(_ arn: String, in account: AccountID) async throws -> Source {
        guard let owner = Self.owner(arn) else { throw Refusal(.iamInvalidInput, "Invalid Entity Arn: \(arn)") }
        return try await store.read { sql in
            guard owner.account == account, let entity = try EntityTable.find(owner.kind, named: owner.name, in: account, sql),
                entity.name == owner.name, arn.hasSuffix(":\(owner.kind.rawValue)\(entity.path)\(entity.name)")
            else { throw Refusal(.noSuchEntity, "The \(owner.kind.rawValue) with name \(owner.name) cannot be found.") }
            var stored = try PrincipalQueries.policies(of: entity, sql)
            if entity.kind == .user {
                for group in try PrincipalQueries.groups(ofUser: entity.id, sql) {
                    stored += try PrincipalQueries.policies(of: group, sql)
                }
            }
            let boundary = try entity.boundary.map { arn in try PrincipalQueries.managed(arn, sql).map { [$0] } ?? [] }
            return Source(
                entity: entity, policies: try stored.map(Self.readable), boundary: try boundary?.map(Self.readable))
        }
    }

    private static func readable(_ stored: PrincipalQueries.StoredPolicy) throws(Refusal) -> SimulatedPolicy {
        guard let policy = SimulatedPolicy(stored) else {
            throw Refusal(.accessDenied, "The policy \(stored.source) cannot be read: nothing can be said of what it allows.")
        }
        return policy
    }
}
