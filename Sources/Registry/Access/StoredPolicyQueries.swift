package import WeirCore

/// A policy as it is stored, with the place that it hangs on.
package struct StoredResourcePolicy: Sendable {
    package enum Place: Sendable {
        case repository(String)
        case registry
        /// A creation template, by its prefix.
        case template(String)
    }

    package let place: Place
    package let region: String
    package let text: String

    /// How a message names it.
    package var name: String {
        switch place {
        case .repository(let name): "the policy of the repository \(name) in \(region)"
        case .registry: "the policy of the registry in \(region)"
        case .template(let prefix): "the policy of the creation template \(prefix) in \(region)"
        }
    }
}

/// Reads the policies of an account's repositories, registries and templates, for checks.
enum StoredPolicyQueries {
    /// Of repositories, in the order of their ids.
    ///
    /// - Parameter after: the id after which to begin.
    static func repositories(
        of account: AccountID, after: Int64, limit: Int, _ sql: any SQLConnection
    ) throws -> [(id: Int64, policy: StoredResourcePolicy)] {
        try sql.rows(
            """
            SELECT id, region, name, policy FROM repository WHERE account = $1 AND id > $2 AND policy IS NOT NULL
            ORDER BY id LIMIT $3
            """, [.text(account), .integer(after), .integer(limit)]
        ).map { row in
            (
                try row.integer(0),
                StoredResourcePolicy(
                    place: .repository(try row.text(2)), region: try row.text(1), text: try row.text(3))
            )
        }
    }

    static func registries(of account: AccountID, limit: Int, _ sql: any SQLConnection) throws -> [StoredResourcePolicy] {
        try sql.rows(
            "SELECT region, value FROM registry_setting WHERE account = $1 AND name = 'policy' ORDER BY region LIMIT $2",
            [.text(account), .integer(limit)]
        ).map { StoredResourcePolicy(place: .registry, region: try $0.text(0), text: try $0.text(1)) }
    }

    static func templates(of account: AccountID, limit: Int, _ sql: any SQLConnection) throws -> [StoredResourcePolicy] {
        try sql.rows(
            """
            SELECT region, prefix, repository_policy FROM creation_template
            WHERE account = $1 AND repository_policy IS NOT NULL ORDER BY region, prefix_key LIMIT $2
            """, [.text(account), .integer(limit)]
        ).map { StoredResourcePolicy(place: .template(try $0.text(1)), region: try $0.text(0), text: try $0.text(2)) }
    }
}

/// A place in the list of an account's policies.
package enum StoredPolicyCursor: Sendable {
    /// Registries and templates come first.
    case start
    /// After the repository of this id.
    case repositories(after: Int64)
    case end
}

extension Repositories {
    private static let policiesPage = 500

    /// A page of the policies of an account's registries, creation templates and repositories, and where the next one begins; nil
    /// at the end.
    package func policies(
        of account: AccountID, from cursor: StoredPolicyCursor
    ) async throws -> ([StoredResourcePolicy], next: StoredPolicyCursor)? {
        switch cursor {
        case .start:
            let page = try await database.read { sql in
                try StoredPolicyQueries.registries(of: account, limit: 1_000, sql)
                    + StoredPolicyQueries.templates(of: account, limit: 10_000, sql)
            }
            return (page, .repositories(after: .min))
        case .repositories(let after):
            let limit = Self.policiesPage
            let page = try await database.read { sql in
                try StoredPolicyQueries.repositories(of: account, after: after, limit: limit, sql)
            }
            return (page.map(\.policy), page.count < limit ? .end : .repositories(after: page.last?.id ?? .max))
        case .end: return nil
        }
    }
}
