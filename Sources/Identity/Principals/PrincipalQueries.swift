package import WeirCore

/// What a user or role may do, read across the tables.
enum PrincipalQueries {
    /// A policy as it is stored, with its name for those who are told of it.
    struct StoredPolicy: Sendable {
        let source: NamedPolicy.Source
        let text: String
    }

    struct Facts: Sendable {
        let entity: Entity
        /// Its own policies and, for a user, its groups'.
        let policies: [StoredPolicy]
        /// Nil where it has no boundary.
        let boundary: [StoredPolicy]?
        let isAccountDisabled: Bool
    }

    static func facts(id: String, _ sql: any SQLConnection) throws -> Facts? {
        guard let entity = try EntityTable.find(id: id, sql), entity.kind == .user || entity.kind == .role else { return nil }
        var policies = try policies(of: entity, sql)
        if entity.kind == .user {
            for group in try groups(ofUser: id, sql) { policies += try self.policies(of: group, sql) }
        }
        // A boundary whose policy is gone allows nothing.
        let boundary = try entity.boundary.map { arn in try managed(arn, sql).map { [$0] } ?? [] }
        return Facts(
            entity: entity, policies: policies, boundary: boundary,
            isAccountDisabled: try isDisabled(entity.account, sql))
    }

    static func policies(of owner: Entity, _ sql: any SQLConnection) throws -> [StoredPolicy] {
        let inline = try sql.rows(
            "SELECT name, document FROM iam_inline_policy WHERE owner_id = $1 ORDER BY name", [.text(owner.id)]
        ).map { row in
            StoredPolicy(
                source: .inline(kind: owner.kind.rawValue, owner: owner.name, name: try row.text(0)), text: try row.text(1))
        }
        let attached = try sql.rows(
            "SELECT policy_arn FROM iam_attachment WHERE owner_id = $1 ORDER BY policy_arn", [.text(owner.id)]
        ).compactMap { row in try managed(row.text(0), sql) }
        return inline + attached
    }

    static func groups(ofUser id: String, _ sql: any SQLConnection) throws -> [Entity] {
        try sql.rows("SELECT group_id FROM iam_membership WHERE user_id = $1 ORDER BY group_id", [.text(id)])
            .compactMap { row in try EntityTable.find(id: row.text(0), sql) }
    }

    /// The default version of a managed policy, AWS's or an account's own; nil where there is none of that ARN.
    static func managed(_ arn: String, _ sql: any SQLConnection) throws -> StoredPolicy? {
        if let policy = AWSManagedPolicies.policy(arn: arn) { return StoredPolicy(source: .managed(arn), text: policy.text) }
        guard let name = PolicyARN(arn), let entity = try EntityTable.find(.policy, named: name.name, in: name.account, sql),
            entity.path == name.path, entity.name == name.name
        else { return nil }
        return try sql.rows(
            """
            SELECT v.document FROM iam_policy p JOIN iam_policy_version v ON v.policy_id = p.id AND v.version = p.default_version
            WHERE p.id = $1
            """, [.text(entity.id)]
        ).first.map { StoredPolicy(source: .managed(arn), text: try $0.text(0)) }
    }

    static func isDisabled(_ account: AccountID, _ sql: any SQLConnection) throws -> Bool {
        try sql.rows("SELECT disabled_at FROM iam_account WHERE account = $1 AND disabled_at IS NOT NULL", [.text(account)])
            .first != nil
    }
}

/// An ARN of a customer's managed policy: `arn:aws:iam::ACCOUNT:policy/PATH/NAME`.
package struct PolicyARN: Sendable, Equatable {
    package let partition: String
    package let account: AccountID
    package let path: String
    package let name: String

    /// Nil if the text is none.
    package init?(_ text: String) {
        let parts = text.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        guard parts.count == 6, parts[0] == "arn", parts[2] == "iam", parts[3].isEmpty,
            let account = try? AccountID(String(parts[4])), parts[5].hasPrefix("policy/"), let slash = parts[5].lastIndex(of: "/")
        else { return nil }
        partition = String(parts[1])
        self.account = account
        path = String(parts[5].dropFirst("policy".count)[...slash])
        name = String(parts[5][parts[5].index(after: slash)...])
    }
}
