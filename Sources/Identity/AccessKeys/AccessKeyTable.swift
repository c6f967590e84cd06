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

    // MARK: An owner's keys

    /// The owner's keys: the parameters `$1` to `$3`.
    private static let owned = "account = $1 AND user_id = $2 AND is_root = $3"

    private static func owner(_ owner: AccessKeys.Owner) -> [SQLValue] {
        switch owner {
        case .root(let account, partition: _): [.text(account), .text(account), .flag(true)]
        case .user(id: let id, account: let account): [.text(account), .text(id), .flag(false)]
        }
    }

    static func count(of owner: AccessKeys.Owner, _ sql: any SQLConnection) throws -> Int64 {
        try sql.rows("SELECT COUNT(*) FROM access_key WHERE \(owned)", self.owner(owner)).first?.integer(0) ?? 0
    }

    /// The oldest first, without their secrets.
    static func list(of owner: AccessKeys.Owner, _ sql: any SQLConnection) throws -> [AccessKey] {
        try sql.rows(
            "SELECT id, created_at, status FROM access_key WHERE \(owned) ORDER BY created_at, id", self.owner(owner)
        ).map { row in
            AccessKey(
                id: try row.text(0), owner: owner, createdAt: try row.timestamp(1),
                status: AccessKeys.Status(rawValue: try row.text(2)) ?? .inactive)
        }
    }

    /// False if the owner has no key of that id.
    static func set(_ status: AccessKeys.Status, of id: String, _ owner: AccessKeys.Owner, _ sql: any SQLConnection) throws
        -> Bool
    {
        try sql.execute(
            """
            UPDATE access_key SET status = $1 WHERE account = $2 AND user_id = $3 AND is_root = $4 AND id = $5
            """, [.text(status.rawValue)] + self.owner(owner) + [.text(id)]) == 1
    }

    /// False if the owner has no key of that id.
    static func delete(_ id: String, of owner: AccessKeys.Owner, _ sql: any SQLConnection) throws -> Bool {
        try sql.execute("DELETE FROM access_key WHERE \(owned) AND id = $4", self.owner(owner) + [.text(id)]) == 1
    }

    // MARK: Last uses

    static func setLastUse(_ use: LastUse, of id: String, _ sql: any SQLConnection) throws {
        try sql.execute(
            "UPDATE access_key SET last_used_at = $1, last_used_service = $2, last_used_region = $3 WHERE id = $4",
            [.timestamp(use.at), .text(use.service), .text(use.region), .text(id)])
    }

    /// Nil if the key was never used.
    static func lastUse(of id: String, _ sql: any SQLConnection) throws -> LastUse? {
        try sql.rows("SELECT last_used_at, last_used_service, last_used_region FROM access_key WHERE id = $1", [.text(id)])
            .first.flatMap { row in
                guard let at = try row.optionalTimestamp(0) else { return nil }
                return LastUse(at: at, service: try row.optionalText(1) ?? "", region: try row.optionalText(2) ?? "")
            }
    }
}
