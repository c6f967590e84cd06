import WeirCore

/// The rows of `kms_grant`.
enum GrantTable {
    private static let columns = """
        account, region, key, id, name, grantee, grantee_id, retiree, retiree_id, operations, context_kind, context, created_at
        """

    /// The grants of a key, by id.
    static func page(
        of key: KMSKey, id: String?, grantee: String?, after place: String, limit: Int, _ sql: any SQLConnection
    ) throws -> [KMSGrant] {
        var conditions = "account = $1 AND region = $2 AND key = $3 AND id > $4"
        var values = key.columns + [.text(place)]
        for (column, value) in [("id", id), ("grantee", grantee)] {
            guard let value else { continue }
            values.append(.text(value))
            conditions += " AND \(column) = $\(values.count)"
        }
        values.append(.integer(limit))
        return try sql.rows(
            "SELECT \(columns) FROM kms_grant WHERE \(conditions) ORDER BY id LIMIT $\(values.count)", values
        ).map(grant)
    }

    /// The grants of a key to any of these principals, by ARN or unique id, or that one of them may retire.
    static func concerning(_ principals: [String], on key: KMSKey, _ sql: any SQLConnection) throws -> [KMSGrant] {
        try principals.flatMap { principal in
            try sql.rows(
                """
                SELECT \(columns) FROM kms_grant WHERE account = $1 AND region = $2 AND key = $3
                    AND (grantee = $4 OR grantee_id = $4 OR retiree = $4 OR retiree_id = $4)
                """, key.columns + [.text(principal)]
            ).map(grant)
        }
    }

    /// The grants of a registry that a principal may retire, by key and id.
    static func retirable(
        by principal: String, in registry: RegistryID, after place: String, limit: Int, _ sql: any SQLConnection
    ) throws -> [KMSGrant] {
        try sql.rows(
            """
            SELECT \(columns) FROM kms_grant WHERE account = $1 AND region = $2 AND retiree = $3 AND id > $4 ORDER BY id LIMIT $5
            """, registry.columns + [.text(principal), .text(place), .integer(limit)]
        ).map(grant)
    }

    static func named(_ name: String, of key: KMSKey, _ sql: any SQLConnection) throws -> [KMSGrant] {
        try sql.rows(
            "SELECT \(columns) FROM kms_grant WHERE account = $1 AND region = $2 AND key = $3 AND name = $4",
            key.columns + [.text(name)]
        ).map(grant)
    }

    static func find(_ id: String, of key: KMSKey, _ sql: any SQLConnection) throws -> KMSGrant? {
        try page(of: key, id: id, grantee: nil, after: "", limit: 1, sql).first
    }

    /// True if the key has more than `limit` grants. Counts no further than that.
    static func holdsMore(than limit: Int, of key: KMSKey, _ sql: any SQLConnection) throws -> Bool {
        try !sql.rows(
            "SELECT 1 FROM kms_grant WHERE account = $1 AND region = $2 AND key = $3 LIMIT 1 OFFSET $4",
            key.columns + [.integer(limit)]
        ).isEmpty
    }

    static func insert(_ grant: KMSGrant, of key: KMSKey, _ sql: any SQLConnection) throws {
        let terms = grant.terms
        try sql.execute(
            """
            INSERT INTO kms_grant (\(columns)) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
            """,
            key.columns + [
                .text(grant.id), .text(terms.name), .text(terms.grantee), .text(grant.granteeID), .text(terms.retiree),
                .text(grant.retireeID), .text(terms.operations.map(\.rawValue).joined(separator: " ")),
                .text(terms.constraint?.kind),
                .text(terms.constraint.map { JSONValue.object($0.context.mapValues { .string($0) }).text }),
                .timestamp(grant.createdAt),
            ])
    }

    static func delete(_ id: String, of key: KMSKey, _ sql: any SQLConnection) throws -> Bool {
        try sql.execute(
            "DELETE FROM kms_grant WHERE account = $1 AND region = $2 AND key = $3 AND id = $4", key.columns + [.text(id)]) == 1
    }

    private static func grant(_ row: SQLRow) throws -> KMSGrant {
        var context: [String: String] = [:]
        if let text = try row.optionalText(11), case .object(let members) = try JSONValue(parsing: text.utf8) {
            for case (let key, .string(let value)) in members { context[key] = value }
        }
        return KMSGrant(
            id: try row.text(3), keyID: try row.text(2), registry: try row.registry(0),
            terms: KMSGrant.Terms(
                name: try row.optionalText(4), grantee: try row.text(5), retiree: try row.optionalText(7),
                operations: try row.text(9).split(separator: " ").compactMap { KMSGrant.Operation(rawValue: String($0)) },
                constraint: try row.optionalText(10).map { $0 == "equals" ? .equals(context) : .subset(context) }),
            granteeID: try row.optionalText(6), retireeID: try row.optionalText(8), createdAt: try row.timestamp(12))
    }
}

extension KMSGrant.Constraint {
    fileprivate var kind: String {
        switch self {
        case .equals: "equals"
        case .subset: "subset"
        }
    }
}
