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
///     │ last_used_…      │ at, service, region: of its last signature; null if none │
///     └──────────────────┴──────────────────────────────────────────────────────────┘
///
///     iam_entity ─ every user, group, role, managed policy, instance profile and OIDC provider
///       ├─ iam_role                 a role's trust policy and its sessions
///       ├─ iam_policy               a managed policy's default version ── iam_policy_version
///       ├─ iam_attachment           owner (user, group, role) ── ARN of a managed policy
///       ├─ iam_inline_policy        owner (user, group, role) ── a policy of its own
///       ├─ iam_membership           group ── user
///       ├─ iam_instance_profile     profile ── role
///       └─ iam_oidc_provider        audiences, thumbprints and keys of an issuer
///     iam_account ─ an account's alias, and whether it is disabled
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
        entities,
    ]

    private static let entities = Migration(
        "identity-3-iam",
        [
            """
            CREATE TABLE iam_entity (
                id TEXT PRIMARY KEY,
                account TEXT NOT NULL,
                kind TEXT NOT NULL,
                name TEXT NOT NULL,
                folded_name TEXT NOT NULL,
                path TEXT NOT NULL,
                description TEXT,
                created_at BIGINT NOT NULL,
                changed_at BIGINT NOT NULL,
                boundary TEXT,
                tags TEXT NOT NULL,
                sessions_revoked_at BIGINT,
                UNIQUE (account, kind, folded_name)
            )
            """,
            """
            CREATE TABLE iam_role (
                id TEXT PRIMARY KEY,
                trust TEXT NOT NULL,
                trust_pins TEXT NOT NULL,
                max_session_seconds BIGINT NOT NULL,
                service TEXT,
                last_used_at BIGINT,
                last_used_region TEXT
            )
            """,
            "CREATE TABLE iam_policy (id TEXT PRIMARY KEY, default_version BIGINT NOT NULL, last_version BIGINT NOT NULL)",
            """
            CREATE TABLE iam_policy_version (
                policy_id TEXT NOT NULL,
                version BIGINT NOT NULL,
                document TEXT NOT NULL,
                created_at BIGINT NOT NULL,
                PRIMARY KEY (policy_id, version)
            )
            """,
            """
            CREATE TABLE iam_attachment (
                owner_id TEXT NOT NULL,
                policy_arn TEXT NOT NULL,
                attached_at BIGINT NOT NULL,
                PRIMARY KEY (owner_id, policy_arn)
            )
            """,
            "CREATE INDEX iam_attachment_policy ON iam_attachment (policy_arn)",
            """
            CREATE TABLE iam_inline_policy (
                owner_id TEXT NOT NULL,
                name TEXT NOT NULL,
                document TEXT NOT NULL,
                PRIMARY KEY (owner_id, name)
            )
            """,
            "CREATE TABLE iam_membership (group_id TEXT NOT NULL, user_id TEXT NOT NULL, PRIMARY KEY (group_id, user_id))",
            "CREATE INDEX iam_membership_user ON iam_membership (user_id)",
            "CREATE TABLE iam_instance_profile (id TEXT PRIMARY KEY, role_id TEXT)",
            """
            CREATE TABLE iam_oidc_provider (
                id TEXT PRIMARY KEY,
                url TEXT NOT NULL,
                client_ids TEXT NOT NULL,
                thumbprints TEXT NOT NULL,
                key_set TEXT
            )
            """,
            "CREATE TABLE iam_account (account TEXT PRIMARY KEY, alias TEXT UNIQUE, created_at BIGINT NOT NULL, disabled_at BIGINT)",
            "ALTER TABLE access_key ADD COLUMN last_used_at BIGINT",
            "ALTER TABLE access_key ADD COLUMN last_used_service TEXT",
            "ALTER TABLE access_key ADD COLUMN last_used_region TEXT",
            "CREATE INDEX access_key_owner ON access_key (user_id)",
        ])
}
