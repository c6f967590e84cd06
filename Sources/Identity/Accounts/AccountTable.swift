import WeirCore

/// The rows of `iam_account`: what is known of an account beside what belongs to it.
enum AccountTable {
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
}
