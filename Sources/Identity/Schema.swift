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
                    sealed_secret BLOB NOT NULL,
                    created_at BIGINT NOT NULL,
                    status TEXT NOT NULL
                )
                """
            ])
    ]
}
