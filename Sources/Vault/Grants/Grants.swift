package import WeirCore

/// The grants of KMS keys. Whether a caller may make or end one is decided before (`KeyAccess`).
package struct Grants: Sendable {
    /// KMS's quota "Grants per KMS key".
    package static let perKey = 50_000

    private let keys: Keys
    private let principals: any PrincipalPolicies

    package init(keys: Keys, principals: any PrincipalPolicies) {
        self.keys = keys
        self.principals = principals
    }

    /// Makes a grant. A grant of the same name with the same terms is answered instead of a second one.
    package func create(_ terms: KMSGrant.Terms, on name: String, in registry: RegistryID) async throws -> KMSGrant {
        let reference = try KeyReference.key(name, in: registry)
        try await keys.settle()
        try Self.check(terms)
        let grantee = try await pin(terms.grantee)
        var retiree: String?
        if let named = terms.retiree { retiree = try await pin(named) }
        let (now, retireeID) = (keys.clock.now, retiree)
        return try await keys.database.write { sql in
            let key = try reference.find(in: registry, sql)
            try key.checkUsable()
            if let name = terms.name, let made = try GrantTable.named(name, of: key, sql).first(where: { $0.terms == terms }) {
                return made
            }
            guard try !GrantTable.holdsMore(than: Self.perKey - 1, of: key, sql) else {
                throw Refusal(.kmsLimitExceeded, "The key \(key.arn) has \(Self.perKey) grants, and can have no more.")
            }
            let grant = KMSGrant(
                id: KMSGrant.newID(), keyID: key.id, registry: registry, terms: terms, granteeID: grantee, retireeID: retireeID,
                createdAt: now)
            try GrantTable.insert(grant, of: key, sql)
            return grant
        }
    }

    private static func check(_ terms: KMSGrant.Terms) throws(Refusal) {
        if let operation = terms.operations.first(where: { !$0.fitsSymmetricKeys }) {
            throw Refusal(
                .validation, "The operation \(operation.rawValue) does not fit the key: it is SYMMETRIC_DEFAULT, ENCRYPT_DECRYPT."
            )
        }
        guard terms.constraint.map({ $0.context.count <= KMSGrant.Constraint.maxPairs }) ?? true else {
            throw Refusal(.validation, "A grant's constraint has \(KMSGrant.Constraint.maxPairs) pairs at most.")
        }
    }

    /// The unique id of a user or role of this server; nil for other principals, which have none to pin.
    private func pin(_ arn: String) async throws -> String? {
        guard PolicyPins.isPinned(arn) else {
            guard PolicyPins.isPrincipal(arn) else { throw Self.invalid(arn) }
            return nil
        }
        switch try await principals.principal(arn) {
        case .found(let id): return id
        case .elsewhere: return nil
        case .missing: throw Self.invalid(arn)
        }
    }

    private static func invalid(_ arn: String) -> Refusal {
        Refusal(.kmsInvalidArn, "The principal \(arn.prefix(300)) is not the ARN of an account, a user, a role or a session.")
    }

    /// A page of a key's grants, by id.
    package func list(
        of name: String, in registry: RegistryID, id: String? = nil, grantee: String? = nil, after place: String?, limit: Int
    ) async throws -> (key: KMSKey, page: VaultPage<KMSGrant>) {
        let reference = try KeyReference.key(name, in: registry)
        try await keys.settle()
        return try await keys.database.read { sql in
            let key = try reference.find(in: registry, sql)
            let found = try GrantTable.page(of: key, id: id, grantee: grantee, after: place ?? "", limit: limit + 1, sql)
            return (key, VaultPage(of: found, limit: limit) { $0.id })
        }
    }

    /// A page of the grants that name this principal to retire them, by id.
    package func retirable(
        by principal: String, in registry: RegistryID, after place: String?, limit: Int
    ) async throws -> VaultPage<KMSGrant> {
        try await keys.settle()
        let found = try await keys.database.read { sql in
            try GrantTable.retirable(by: principal, in: registry, after: place ?? "", limit: limit + 1, sql)
        }
        return VaultPage(of: found, limit: limit) { $0.id }
    }

    /// Ends a grant, by its id. False where the key has no such grant.
    package func remove(_ id: String, of name: String, in registry: RegistryID) async throws -> Bool {
        let reference = try KeyReference.key(name, in: registry)
        try await keys.settle()
        return try await keys.database.write { sql in
            try GrantTable.delete(id, of: reference.find(in: registry, sql), sql)
        }
    }

    /// The key and the id in a grant's token. Throws where it is no token.
    package static func read(token: String) throws -> (keyID: String, id: String) {
        let parts = token.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2, KMSGrant.isID(parts[1]) else {
            throw Refusal(.kmsInvalidGrantToken, "The grant token is none that CreateGrant has answered.")
        }
        return (parts[0], parts[1])
    }
}

extension Refusal {
    /// No such grant.
    package static func grantMissing(_ id: String) -> Self {
        Refusal(.kmsKeyNotFound, "Grant ID \(id.prefix(128)) not found")
    }
}
