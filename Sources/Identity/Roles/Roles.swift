import Synchronization
package import WeirCore

/// The roles of each account.
package final class Roles: Sendable {
    /// Seconds.
    package static let standardSession: Int64 = 3_600
    /// Characters of a trust policy, without white space.
    static let longestTrust = 2_048

    let store: IdentityStore
    let principals: any PrincipalPolicies
    private let uses: LastUses
    private let known = Mutex(BoundedMap<String, (generation: UInt64, role: AssumableRole?)>(capacity: 16_384))
    private var entities: Entities { Entities(store: store) }

    /// - Parameter uses: the access keys', which writes both.
    package init(store: IdentityStore, principals: any PrincipalPolicies, uses: LastUses) {
        self.store = store
        self.principals = principals
        self.uses = uses
    }

    /// - Parameter trust: a trust policy.
    package func create(
        _ new: NewEntity, trust: String, maxSessionSeconds: Int64? = nil, in account: AccountID
    ) async throws -> Role {
        guard !new.path.hasPrefix(ServiceLinkedRole.path) else {
            throw Refusal(
                .iamInvalidInput,
                "The path \(ServiceLinkedRole.path) is for service-linked roles: CreateServiceLinkedRole makes them.")
        }
        return try await create(
            new, trust: trust, maxSessionSeconds: maxSessionSeconds ?? Self.standardSession, service: nil, in: account)
    }

    func create(
        _ new: NewEntity, trust: String, maxSessionSeconds: Int64, service: ServiceLinkedRole?, in account: AccountID
    ) async throws -> Role {
        let now = store.clock.now
        try Self.check(trust)
        let pins = try await TrustPins.pins(of: trust, principals, store)
        return try await store.write { sql in
            let entity = try Entities.create(.role, new, in: account, at: now, sql)
            let row = RoleTable.Row(
                id: entity.id, trust: trust, pins: pins, maxSessionSeconds: maxSessionSeconds, service: service?.service,
                lastUse: nil)
            try RoleTable.insert(row, sql)
            if let service { try AttachmentTable.insert(service.policyARN, to: entity.id, at: now, sql) }
            return try Self.role(entity, row, sql)
        }
    }

    package func get(_ name: String, in account: AccountID) async throws -> Role {
        let role = try await store.read { sql in
            try Self.role(Entities.existing(.role, name, in: account, sql), sql)
        }
        guard let use = uses.use(ofRole: role.entity.id) else { return role }
        return Role(
            entity: role.entity, trust: role.trust, maxSessionSeconds: role.maxSessionSeconds, service: role.service, lastUse: use
        )
    }

    package func list(
        in account: AccountID, path: String = "/", after: String? = nil, limit: Int
    ) async throws -> IdentityPage<Role> {
        try await store.read { sql in
            let entities = try EntityTable.list(
                .role, in: account, path: path, after: after, limit: limit.adding(1), sql)
            let page = IdentityPage(entities: entities, limit: limit)
            return IdentityPage(items: try page.items.map { try Self.role($0, sql) }, next: page.next)
        }
    }

    package func update(_ name: String, _ change: RoleChange, in account: AccountID) async throws -> Role {
        try await changing(name, in: account) { entity, row in
            entity.description = change.description ?? entity.description
            row.maxSessionSeconds = change.maxSessionSeconds ?? row.maxSessionSeconds
        }
    }

    /// Decides about every session that is asked for from now on. Sessions that there are go on.
    package func setTrust(_ trust: String, of name: String, in account: AccountID) async throws {
        // Existence is told first, as in AWS: a principal that the policy names may be the role itself.
        try await store.read { sql in
            try RoleTable.requireModifiable(Entities.existing(.role, name, in: account, sql), sql)
        }
        try Self.check(trust)
        let pins = try await TrustPins.pins(of: trust, principals, store)
        _ = try await changing(name, in: account) { _, row in
            row.trust = trust
            row.pins = pins
        }
    }

    /// Throws `.deleteConflict` while it has policies or is in an instance profile. Its sessions are over at once.
    package func delete(_ name: String, in account: AccountID) async throws {
        try await store.write { sql in
            let entity = try Entities.existing(.role, name, in: account, sql)
            try RoleTable.requireModifiable(entity, sql)
            try Entities.delete(entity, sql)
            try RoleTable.delete(id: entity.id, sql)
        }
    }

    package func tag(_ name: String, in account: AccountID, _ tags: [ResourceTag]) async throws {
        try await entities.tag(.role, named: name, in: account, tags)
    }

    package func untag(_ name: String, in account: AccountID, _ keys: [String]) async throws {
        try await entities.untag(.role, named: name, in: account, keys)
    }

    /// Notes that a session of the role was used. Nothing is written: `AccessKeys.writeLastUses` does that.
    ///
    /// - Parameter id: of a role that exists.
    package func used(_ id: String, region: Region, at now: Timestamp) {
        uses.note(role: id, LastUse(at: now, service: "", region: region.description))
    }

    // MARK: Who may assume it

    /// The role's trust policy with those whom it names pinned, by the role's unique id; nil where the role is gone. It is in
    /// memory, and read again after every write.
    package func trust(of id: String) async throws -> AssumableRole? {
        let generation = store.generation
        if let known = known.withLock({ $0[id] }), known.generation == generation { return known.role }
        let role = try await store.read { sql -> AssumableRole? in
            guard let entity = try EntityTable.find(id: id, sql), entity.kind == .role, let row = try RoleTable.find(id: id, sql)
            else { return nil }
            return AssumableRole(
                entity: entity, trust: try TrustPins.policy(row, sql), maxDuration: .seconds(row.maxSessionSeconds))
        }
        known.withLock { $0[id] = (generation, role) }
        return role
    }

    // MARK: What they share

    private func changing(
        _ name: String, in account: AccountID, _ body: @escaping @Sendable (inout Entity, inout RoleTable.Row) -> Void
    ) async throws -> Role {
        let now = store.clock.now
        return try await store.write { sql in
            var entity = try Entities.existing(.role, name, in: account, sql)
            try RoleTable.requireModifiable(entity, sql)
            guard var row = try RoleTable.find(id: entity.id, sql) else { throw Refusal.noSuch(.role, name) }
            body(&entity, &row)
            entity.changedAt = now
            try EntityTable.update(entity, sql)
            try RoleTable.update(row, sql)
            return try Self.role(entity, row, sql)
        }
    }

    static func role(_ entity: Entity, _ sql: any SQLConnection) throws -> Role {
        guard let row = try RoleTable.find(id: entity.id, sql) else { throw Refusal.noSuch(.role, entity.name) }
        return try role(entity, row, sql)
    }

    private static func role(_ entity: Entity, _ row: RoleTable.Row, _ sql: any SQLConnection) throws -> Role {
        Role(
            entity: entity, trust: try TrustPins.shown(row, sql), maxSessionSeconds: row.maxSessionSeconds, service: row.service,
            lastUse: row.lastUse)
    }

    private static func check(_ trust: String) throws(Refusal) {
        do throws(PolicyFault) {
            let document = try PolicyDocument(trust, as: .trust, maxLength: 131_072)
            if let fault = TrustPolicyCheck.fault(in: document) { throw fault }
        } catch {
            throw Refusal(.malformedPolicyDocument, error.message, facts: ["policy.fault": error.reason])
        }
        let size = trust.utf8.count { !($0 == 0x20 || $0 == 0x09 || $0 == 0x0a || $0 == 0x0d) }
        guard size <= longestTrust else { throw Refusal.overQuota("ACLSizePerRole", longestTrust) }
    }
}

extension Roles: AssumableRoles {
    package func role(_ arn: RoleARN) async throws -> AssumableRole? {
        let entity = try await entities.find(.role, named: arn.name, in: arn.account)
        guard let entity, entity.name == arn.name, entity.path == arn.path else { return nil }
        return try await trust(of: entity.id)
    }
}
