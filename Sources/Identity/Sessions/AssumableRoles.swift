package import WeirCore

/// A role as those need it who would assume it.
package struct AssumableRole: Sendable {
    package let entity: Entity
    /// Its principals are those of the moment when it was saved. Nil where what is stored cannot be read: it admits no caller.
    package let trust: PolicyDocument?
    package let maxDuration: Duration

    package init(entity: Entity, trust: PolicyDocument?, maxDuration: Duration) {
        self.entity = entity
        self.trust = trust
        self.maxDuration = maxDuration
    }
}

/// Finds the roles that can be assumed.
package protocol AssumableRoles: Sendable {
    /// The role; nil where the account has none of that path and name, letter by letter.
    func role(_ arn: RoleARN) async throws -> AssumableRole?
}

/// `arn:aws:iam::ACCOUNT:role/PATH/NAME`, in any partition.
package struct RoleARN: Sendable, Equatable {
    package let text: String
    package let account: AccountID
    package let path: String
    package let name: String

    /// Nil if the text is none.
    package init?(_ text: String) {
        guard let principal = PrincipalARN(text), principal.kind == .role, let path = principal.path else { return nil }
        self.text = text
        account = principal.account
        self.path = path
        name = principal.name
    }

    /// True of a text with the six parts of an ARN.
    package static func isARN(_ text: String) -> Bool {
        let parts = text.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        return parts.count == 6 && parts[0] == "arn" && !parts[1].isEmpty && !parts[2].isEmpty && !parts[5].isEmpty
    }
}
