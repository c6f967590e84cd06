package import WeirCore

/// A user, group or role, as the operations on its policies name it.
package struct PolicyOwner: Sendable, Hashable {
    package let account: AccountID
    /// `.user`, `.group` or `.role`.
    package let kind: EntityKind
    package let name: String

    package init(_ kind: EntityKind, named name: String, in account: AccountID) {
        self.account = account
        self.kind = kind
        self.name = name
    }

    /// Throws `.noSuchEntity` where there is none.
    func find(_ sql: any SQLConnection) throws -> Entity {
        guard let entity = try EntityTable.find(kind, named: name, in: account, sql) else {
            throw Refusal(.noSuchEntity, "The \(kind.rawValue) with name \(name) cannot be found.")
        }
        return entity
    }

    /// The same for an operation that changes it: a role that belongs to an AWS service is `.unmodifiableEntity`.
    func findToChange(_ sql: any SQLConnection) throws -> Entity {
        let entity = try find(sql)
        guard entity.kind != .role || !entity.path.hasPrefix("/aws-service-role/") else {
            throw Refusal(
                .unmodifiableEntity,
                "Cannot perform the operation on the protected role '\(entity.name)' - this role is only modifiable by AWS")
        }
        return entity
    }
}
