import WeirCore

/// The rows of `access_key`.
enum AccessKeyTable {
    struct Row: Sendable {
        let id: String
        let owner: AccessKeys.Owner
        let sealedSecret: [UInt8]
        let createdAt: Timestamp
        let status: AccessKeys.Status
    }

    static func all(_ sql: any SQLConnection) throws -> [Row] {
        try sql.rows(
            "SELECT id, account, principal_arn, user_id, sealed_secret, created_at, status, is_root FROM access_key", []
        ).map { row in
            let account = try AccountID(row.text(1))
            let partition = try row.text(2).split(separator: ":", maxSplits: 2).dropFirst().first.map(String.init) ?? "aws"
            return Row(
                id: try row.text(0),
                owner: try row.flag(7) ? .root(account, partition: partition) : .user(id: try row.text(3), account: account),
                sealedSecret: try row.bytes(4), createdAt: try row.timestamp(5),
                // A key whose status this version does not know opens nothing.
                status: AccessKeys.Status(rawValue: try row.text(6)) ?? .inactive)
        }
    }

    static func put(_ row: Row, _ sql: any SQLConnection) throws {
        let (arn, userID, isRoot) =
            switch row.owner {
            case .root(let account, partition: let partition): ("arn:\(partition):iam::\(account):root", "\(account)", true)
            // A user's ARN changes with its name and path, its id never does.
            case .user(id: let id, account: _): ("", id, false)
            }
        try sql.execute(
            """
            INSERT INTO access_key (id, account, principal_arn, user_id, sealed_secret, created_at, status, is_root)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
            ON CONFLICT (id) DO UPDATE SET account = excluded.account, principal_arn = excluded.principal_arn,
                user_id = excluded.user_id, sealed_secret = excluded.sealed_secret, status = excluded.status,
                is_root = excluded.is_root
            """,
            [
                .text(row.id), .text(row.owner.account), .text(arn), .text(userID), .bytes(row.sealedSecret),
                .timestamp(row.createdAt), .text(row.status.rawValue), .flag(isRoot),
            ])
    }

    static func delete(_ id: String, _ sql: any SQLConnection) throws {
        try sql.execute("DELETE FROM access_key WHERE id = $1", [.text(id)])
    }
}
