import WeirCore

/// The policies that are part of one user, group or role.
package struct InlinePolicies: Sendable {
    let store: IdentityStore

    package init(store: IdentityStore) { self.store = store }

    /// The entity itself, for those who decide about it; nil where there is none.
    package func entity(_ owner: PolicyOwner) async throws -> Entity? {
        try await store.read { sql in try EntityTable.find(owner.kind, named: owner.name, in: owner.account, sql) }
    }

    /// Decides from now on. One of the same name is replaced.
    ///
    /// Throws `.noSuchEntity`, `.malformedPolicyDocument`, and `.iamLimitExceeded` where all its policies together would be too
    /// long.
    package func put(_ name: String, document: String, of owner: PolicyOwner) async throws {
        try IdentityPolicyText.check(document)
        try await store.write { sql in
            let entity = try owner.findToChange(sql)
            let others = try InlinePolicyTable.all(of: entity.id, sql).filter { $0.name != name }
            let size = others.map { IdentityPolicyText.size($0.document) }.total.adding(IdentityPolicyText.size(document))
            let most = IdentityPolicyText.maxInline[owner.kind] ?? 0
            guard size <= most else {
                throw Refusal(
                    .iamLimitExceeded, "Maximum policy size of \(most) bytes exceeded for \(owner.kind.rawValue) \(entity.name)")
            }
            try InlinePolicyTable.put(InlinePolicyTable.Row(name: name, document: document), of: entity.id, sql)
        }
    }

    /// The text as it was given, and the owner's name as it is written. Throws `.noSuchEntity`.
    package func document(_ name: String, of owner: PolicyOwner) async throws -> (owner: String, text: String) {
        try await store.read { sql in
            let entity = try owner.find(sql)
            guard let text = try InlinePolicyTable.document(name, of: entity.id, sql) else {
                throw Self.missing(name, owner)
            }
            return (entity.name, text)
        }
    }

    /// A page of their names, in order. Throws `.noSuchEntity`.
    package func names(of owner: PolicyOwner, after: String?, limit: Int) async throws -> (names: [String], next: String?) {
        let names = try await store.read { sql in try InlinePolicyTable.all(of: owner.find(sql).id, sql).map(\.name) }
        let rest = names.filter { $0 > after ?? "" }
        return (Array(rest.prefix(limit)), rest.count > limit ? rest[limit - 1] : nil)
    }

    /// Throws `.noSuchEntity`.
    package func delete(_ name: String, of owner: PolicyOwner) async throws {
        try await store.write { sql in
            let entity = try owner.findToChange(sql)
            guard try InlinePolicyTable.delete(name, of: entity.id, sql) else { throw Self.missing(name, owner) }
        }
    }

    private static func missing(_ name: String, _ owner: PolicyOwner) -> Refusal {
        Refusal(.noSuchEntity, "The \(owner.kind.rawValue) policy with name \(name) cannot be found.")
    }
}
