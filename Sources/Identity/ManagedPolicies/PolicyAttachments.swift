package import WeirCore

/// Which managed policies a user, group or role has.
package struct PolicyAttachments: Sendable {
    /// Managed policies of one user, group or role.
    package static let maxPolicies = 10

    let store: IdentityStore

    package init(store: IdentityStore) { self.store = store }

    /// Decides from now on. Attaching it again changes nothing.
    ///
    /// Throws `.noSuchEntity` where owner or policy is not there, `.policyNotAttachable` for a policy of AWS's own roles, and
    /// `.iamLimitExceeded`.
    package func attach(_ arn: String, to owner: PolicyOwner) async throws {
        let now = store.clock.now
        try await store.write { sql in
            let entity = try owner.findToChange(sql)
            let policy = try ManagedPolicies.find(arn, in: owner.account, sql, else: ManagedPolicies.notAttachable)
            guard policy.entity != nil || !policy.arn.path.hasPrefix("/aws-service-role/") else {
                throw Refusal(.policyNotAttachable, "Cannot attach a Service Role Policy to a Customer Role.")
            }
            let name = policy.arn.text()
            let attached = try AttachmentTable.arns(of: entity.id, sql)
            guard attached.contains(name) || attached.count < Self.maxPolicies else {
                throw Refusal(
                    .iamLimitExceeded, "Cannot exceed quota for PoliciesPer\(owner.kind.word): \(Self.maxPolicies)")
            }
            try AttachmentTable.insert(name, to: entity.id, at: now, sql)
        }
    }

    /// Throws `.noSuchEntity` where the owner is not there, and where the policy is not attached to it.
    package func detach(_ arn: String, from owner: PolicyOwner) async throws {
        try await store.write { sql in
            let entity = try owner.findToChange(sql)
            guard let name = ManagedPolicyARN(arn) else { throw Refusal(.validation, "ARN \(arn) is not valid.") }
            guard try AttachmentTable.delete(name.text(), from: entity.id, sql) else {
                throw Refusal(.noSuchEntity, ManagedPolicies.notFound(arn))
            }
        }
    }

    /// A page of what is attached, in the order of the ARNs. Throws `.noSuchEntity`.
    ///
    /// - Parameter path: what the policies' paths begin with.
    package func list(
        of owner: PolicyOwner, path: String, after: String?, limit: Int
    ) async throws -> (policies: [ManagedPolicyARN], next: String?) {
        let attached = try await store.read { sql in try AttachmentTable.arns(of: owner.find(sql).id, sql) }
        let rest = attached.filter { $0 > after ?? "" }.compactMap(ManagedPolicyARN.init).filter {
            $0.path.utf8.starts(with: path.utf8)
        }
        return (Array(rest.prefix(limit)), rest.count > limit ? rest[limit - 1].text() : nil)
    }
}

/// The permissions boundaries of users and roles.
package struct PermissionsBoundaries: Sendable {
    let store: IdentityStore

    package init(store: IdentityStore) { self.store = store }

    /// The ARN as it is stored. Throws `.iamInvalidInput` for a text that is no ARN of a policy, and `.noSuchEntity` where there
    /// is no such policy.
    package static func resolve(_ arn: String, in account: AccountID, _ sql: any SQLConnection) throws -> String {
        guard ManagedPolicyARN(arn) != nil else { throw Refusal(.iamInvalidInput, "ARN \(arn) is not valid.") }
        guard let found = try ManagedPolicies.existing(arn, in: account, sql) else {
            throw Refusal(.noSuchEntity, "Scope ARN: \(arn) does not exist or is not attachable.")
        }
        return found.arn.text()
    }

    /// Limits from now on. Throws `.noSuchEntity` and `.iamInvalidInput`.
    package func set(_ arn: String, of owner: PolicyOwner) async throws {
        try await store.write { sql in
            var entity = try owner.findToChange(sql)
            entity.boundary = try Self.resolve(arn, in: owner.account, sql)
            try EntityTable.update(entity, sql)
        }
    }

    /// Throws `.noSuchEntity`. Where there is no boundary nothing happens.
    package func delete(of owner: PolicyOwner) async throws {
        try await store.write { sql in
            var entity = try owner.findToChange(sql)
            entity.boundary = nil
            try EntityTable.update(entity, sql)
        }
    }
}

extension EntityKind {
    /// As it stands in the names of quotas: `PoliciesPerRole`.
    var word: String { rawValue.prefix(1).uppercased() + rawValue.dropFirst() }
}
