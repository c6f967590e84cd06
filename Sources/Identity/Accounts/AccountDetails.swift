package import WeirCore

/// How many things an account has.
package struct AccountCounts: Sendable, Equatable {
    package let users: Int64
    package let groups: Int64
    package let roles: Int64
    package let policies: Int64
    package let policyVersions: Int64
    package let instanceProfiles: Int64
    package let oidcProviders: Int64
}

/// An entity of an account with all that belongs to it.
package struct AccountDetail: Sendable {
    package enum Kind: String, Sendable, CaseIterable {
        case user = "User"
        case group = "Group"
        case role = "Role"
        case ownPolicy = "LocalManagedPolicy"
        case awsPolicy = "AWSManagedPolicy"

        var entity: EntityKind? {
            switch self {
            case .user: .user
            case .group: .group
            case .role: .role
            case .ownPolicy: .policy
            case .awsPolicy: nil
            }
        }
    }

    package enum Item: Sendable {
        /// A user, group or role.
        case holder(Holder)
        case policy(ManagedPolicy, versions: [ManagedPolicyVersion])
    }

    /// A user, group or role with its policies.
    package struct Holder: Sendable {
        package let entity: Entity
        package var inline: [(name: String, document: String)] = []
        package var attached: [ManagedPolicyARN] = []
        /// The groups of a user.
        package var groups: [String] = []
        /// Nil for users and groups.
        package var role: RoleFacts?
        /// The instance profiles of a role.
        package var profiles: [Entity] = []
    }

    package let kind: Kind
    package let item: Item
    /// Where it is in the list.
    let place: String
    /// Characters of its documents.
    let size: Int
}

/// What an account has, told to those who look after it.
package struct AccountDetails: Sendable {
    /// Characters of documents, after which a page ends.
    private static let longestPage = 1_048_576

    let store: IdentityStore

    package init(store: IdentityStore) { self.store = store }

    package func counts(of account: AccountID) async throws -> AccountCounts {
        try await store.read { sql in
            AccountCounts(
                users: try EntityTable.count(.user, in: account, sql), groups: try EntityTable.count(.group, in: account, sql),
                roles: try EntityTable.count(.role, in: account, sql), policies: try EntityTable.count(.policy, in: account, sql),
                policyVersions: try AccountQueries.policyVersions(in: account, sql),
                instanceProfiles: try EntityTable.count(.instanceProfile, in: account, sql),
                oidcProviders: try EntityTable.count(.oidcProvider, in: account, sql))
        }
    }

    /// A page of everything, kind by kind and by name; of AWS's policies those that are used.
    ///
    /// - Parameter after: the `next` of the page before.
    package func list(
        _ kinds: Set<AccountDetail.Kind>, of account: AccountID, after: String?, limit: Int
    ) async throws -> (details: [AccountDetail], next: String?) {
        try await store.read { sql in
            var details: [AccountDetail] = []
            var (size, isCut) = (0, false)
            let usages = try PolicyQueries.usages(in: account, sql)
            for (index, kind) in AccountDetail.Kind.allCases.enumerated() where kinds.contains(kind) && !isCut {
                guard let start = Self.start(of: index, after) else { continue }
                let wanted = limit.subtracting(details.count).adding(1)
                for detail in try Self.details(kind, index, of: account, after: start, limit: wanted, usages, sql) {
                    guard details.count < limit, details.isEmpty || size.adding(detail.size) <= Self.longestPage else {
                        isCut = true
                        break
                    }
                    size.add(detail.size)
                    details.append(detail)
                }
            }
            return (details, isCut ? details.last?.place : nil)
        }
    }

    /// The folded name after which to begin with the kind of this number; nil for one that was told before.
    private static func start(of index: Int, _ after: String?) -> String? {
        guard let after, let digit = after.utf8.first else { return "" }
        let told = Int(digit) - 0x30
        if index == told { return String(after.dropFirst(2)) }
        return index > told ? "" : nil
    }

    private static func details(
        _ kind: AccountDetail.Kind, _ index: Int, of account: AccountID, after: String, limit: Int,
        _ usages: [String: PolicyUsage], _ sql: any SQLConnection
    ) throws -> [AccountDetail] {
        guard let entityKind = kind.entity else {
            return AWSManagedPolicies.all.sorted { $0.name < $1.name }.compactMap { policy in
                guard policy.name > after, let usage = usages[policy.arn()] else { return nil }
                let versions = [
                    ManagedPolicyVersion(
                        number: policy.version, isDefault: true, document: policy.text, createdAt: policy.changedAt)
                ]
                return AccountDetail(
                    kind: kind, item: .policy(ManagedPolicy(policy, usage), versions: versions), place: "\(index)/\(policy.name)",
                    size: policy.text.utf8.count)
            }
        }
        return try EntityTable.list(entityKind, in: account, after: after, limit: limit, sql).map { entity in
            let place = "\(index)/\(Entity.folded(entity.name))"
            if entityKind == .policy {
                let versions = try ManagedPolicyTable.versions(of: entity.id, sql)
                let policy = try ManagedPolicies.policy(
                    .own(entity), usages[ManagedPolicyARN(entity).text()] ?? PolicyUsage(), sql)
                return AccountDetail(
                    kind: kind, item: .policy(policy, versions: versions), place: place,
                    size: versions.map(\.document.utf8.count).total)
            }
            let holder = try holder(entity, sql)
            let size = holder.inline.map(\.document.utf8.count).total.adding(holder.role?.trust.utf8.count ?? 0)
            return AccountDetail(kind: kind, item: .holder(holder), place: place, size: size)
        }
    }

    private static func holder(_ entity: Entity, _ sql: any SQLConnection) throws -> AccountDetail.Holder {
        var holder = AccountDetail.Holder(entity: entity)
        holder.inline = try InlinePolicyTable.all(of: entity.id, sql).map { ($0.name, $0.document) }
        holder.attached = try AttachmentTable.arns(of: entity.id, sql).compactMap(ManagedPolicyARN.init)
        if entity.kind == .user { holder.groups = try AccountQueries.groups(ofUser: entity.id, sql) }
        if entity.kind == .role {
            holder.role = try AccountQueries.role(entity.id, sql)
            holder.profiles = try AccountQueries.instanceProfiles(ofRole: entity.id, sql)
        }
        return holder
    }
}
