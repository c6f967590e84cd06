package import WeirCore

/// What this room keeps:
///
///     access_key
///     ┌──────────────────┬──────────────────────────────────────────────────────────┐
///     │ id               │ AKIA…, what a signature names                            │
///     │ account          │ twelve digits                                            │
///     │ principal_arn    │ arn:aws:iam::ACCOUNT:root, or a user's or role's ARN     │
///     │ user_id          │ what sts calls UserId                                    │
///     │ sealed_secret    │ the secret, sealed by the root key as access-key/ID      │
///     │ created_at       │ microseconds                                             │
///     │ status           │ Active, Inactive                                         │
///     │ is_root          │ 1 for a root key of the account, which may do everything │
///     └──────────────────┴──────────────────────────────────────────────────────────┘
package enum IdentitySchema {
    package static let migrations = [
        Migration(
            "identity-1",
            [
                """
                CREATE TABLE access_key (
                    id TEXT PRIMARY KEY,
                    account TEXT NOT NULL,
                    principal_arn TEXT NOT NULL,
                    user_id TEXT NOT NULL,
                    sealed_secret BYTEA NOT NULL,
                    created_at BIGINT NOT NULL,
                    status TEXT NOT NULL
                )
                """
            ]),
        Migration(
            "identity-2-root",
            [
                "ALTER TABLE access_key ADD COLUMN is_root BIGINT NOT NULL DEFAULT 0",
                "UPDATE access_key SET is_root = 1 WHERE principal_arn LIKE '%:root'",
            ]),
    ]
}
