import WeirCore

/// The rows of `iam_account`.
enum AccountTable {
    private static let columns = "account, alias, created_at, disabled_at"

    /// - Parameter row: begins with the four columns.
    static func account(_ row: SQLRow) throws -> Account {
        Account(
            id: try AccountID(row.text(0)), alias: try row.optionalText(1), createdAt: try row.timestamp(2),
            disabledAt: try row.optionalTimestamp(3))
    }

    /// False if the account is there already, or another one has the alias.
    static func insert(_ account: Account, _ sql: any SQLConnection) throws -> Bool {
        try sql.execute(
            "INSERT INTO iam_account (account, alias, created_at, disabled_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
            [.text(account.id), .text(account.alias), .timestamp(account.createdAt), .timestamp(account.disabledAt)]) == 1
    }

    static func find(_ id: AccountID, _ sql: any SQLConnection) throws -> Account? {
        try sql.rows("SELECT \(columns) FROM iam_account WHERE account = $1", [.text(id)]).first.map(account)
    }

    static func all(_ sql: any SQLConnection) throws -> [Account] {
        try sql.rows("SELECT \(columns) FROM iam_account ORDER BY account", []).map(account)
    }

    static func count(_ sql: any SQLConnection) throws -> Int64 {
        try sql.rows("SELECT COUNT(*) FROM iam_account", []).first?.integer(0) ?? 0
    }

    // MARK: Aliases

    static func alias(of account: AccountID, _ sql: any SQLConnection) throws -> String? {
        try sql.rows("SELECT alias FROM iam_account WHERE account = $1", [.text(account)]).first?.optionalText(0)
    }

    static func account(ofAlias alias: String, _ sql: any SQLConnection) throws -> AccountID? {
        try sql.rows("SELECT account FROM iam_account WHERE alias = $1", [.text(alias)]).first.map { try AccountID($0.text(0)) }
    }

    /// An alias that another account has breaks the constraint.
    static func setAlias(_ alias: String?, of account: AccountID, at now: Timestamp, _ sql: any SQLConnection) throws {
        try sql.execute(
            """
            INSERT INTO iam_account (account, alias, created_at) VALUES ($1, $2, $3)
            ON CONFLICT (account) DO UPDATE SET alias = excluded.alias
            """, [.text(account), .text(alias), .timestamp(now)])
    }

    // MARK: Disabling

    /// - Parameter moment: nil enables it. A disabled account keeps the moment at which it was disabled first.
    static func disable(_ id: AccountID, at moment: Timestamp?, _ sql: any SQLConnection) throws {
        if let moment {
            try sql.execute(
                "UPDATE iam_account SET disabled_at = $1 WHERE account = $2 AND disabled_at IS NULL",
                [.timestamp(moment), .text(id)])
        } else {
            try sql.execute("UPDATE iam_account SET disabled_at = NULL WHERE account = $1", [.text(id)])
        }
    }
}
