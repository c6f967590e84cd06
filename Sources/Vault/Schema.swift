package import WeirCore

/// The vault's tables.
///
/// ```
/// root_check      one value sealed by the root key: tells at the start whether it is still the same one
/// registry_key    (account, region)      the key of a registry's AES256 content, sealed by the root key
///
/// kms_key ──┬─< kms_material   its key bytes, sealed by the root key; one more version with each rotation
/// (account, ├─< kms_alias      (account, region, name) → key
///  region,  ├─< kms_tag
///  id)      └─< kms_grant      what a principal may do with the key, beside its policy
///
/// secret ───┬─< secret_version  a value, sealed by a data key of the secret's KMS key
/// (account, ├─< secret_stage    AWSCURRENT, AWSPREVIOUS, … → version: each stage names one version
///  region,  └─< secret_tag
///  name)
/// ```
///
/// A `sealed` value is bound to its row: moved to another one it does not open. Deleting a KMS key deletes its material by
/// cascade, and what it sealed is gone for good. `revision` counts a key's changes: the keyring in memory ignores a state that is
/// older than its own. `policy_pins` and a grant's `…_id` hold the unique ids of the users and roles that a policy or a grant
/// names. `on_demand` marks a version that a user asked for; the others came when they were due. `once_tagged` marks a secret
/// that has or had tags: Secrets Manager treats one that lost its last tag otherwise than one that never had any.
package enum VaultSchema {
    package static let migrations: [Migration] = [
        Migration("vault-1", keys), Migration("vault-2", secrets),
        Migration("vault-3-rotations", ["ALTER TABLE kms_material ADD COLUMN on_demand BIGINT NOT NULL DEFAULT 0"]),
        Migration(
            "vault-4-once-tagged",
            [
                "ALTER TABLE secret ADD COLUMN once_tagged BIGINT NOT NULL DEFAULT 0",
                "UPDATE secret SET once_tagged = 1 WHERE arn IN (SELECT secret FROM secret_tag)",
            ]),
        Migration("vault-5-grants", grants),
        Migration(
            "vault-6-resource-policies",
            [
                "ALTER TABLE kms_key ADD COLUMN policy_pins TEXT", "ALTER TABLE secret ADD COLUMN policy TEXT",
                "ALTER TABLE secret ADD COLUMN policy_pins TEXT",
            ]),
    ]

    private static let grants = [
        """
        CREATE TABLE kms_grant (
            account TEXT NOT NULL, region TEXT NOT NULL, key TEXT NOT NULL, id TEXT NOT NULL,
            name TEXT,
            grantee TEXT NOT NULL, grantee_id TEXT,
            retiree TEXT, retiree_id TEXT,
            operations TEXT NOT NULL,
            context_kind TEXT, context TEXT,
            created_at BIGINT NOT NULL,
            PRIMARY KEY (account, region, key, id),
            FOREIGN KEY (account, region, key) REFERENCES kms_key (account, region, id) ON DELETE CASCADE
        )
        """,
        "CREATE INDEX kms_grant_grantee ON kms_grant (account, region, key, grantee)",
        "CREATE INDEX kms_grant_retiree ON kms_grant (account, region, retiree, id)",
    ]

    private static let keys = [
        "CREATE TABLE root_check (id INTEGER PRIMARY KEY, sealed BYTEA NOT NULL)",
        """
        CREATE TABLE registry_key (
            account TEXT NOT NULL, region TEXT NOT NULL,
            sealed BYTEA NOT NULL,
            created_at BIGINT NOT NULL,
            PRIMARY KEY (account, region)
        )
        """,
        """
        CREATE TABLE kms_key (
            account TEXT NOT NULL, region TEXT NOT NULL, id TEXT NOT NULL,
            state TEXT NOT NULL,
            description TEXT NOT NULL,
            manager TEXT NOT NULL,
            policy TEXT NOT NULL,
            rotation_days BIGINT,
            next_rotation_at BIGINT,
            created_at BIGINT NOT NULL,
            deletion_at BIGINT,
            material BIGINT NOT NULL,
            revision BIGINT NOT NULL,
            PRIMARY KEY (account, region, id)
        )
        """,
        """
        CREATE TABLE kms_material (
            account TEXT NOT NULL, region TEXT NOT NULL, key TEXT NOT NULL,
            version BIGINT NOT NULL,
            sealed BYTEA NOT NULL,
            created_at BIGINT NOT NULL,
            PRIMARY KEY (account, region, key, version),
            FOREIGN KEY (account, region, key) REFERENCES kms_key (account, region, id) ON DELETE CASCADE
        )
        """,
        """
        CREATE TABLE kms_alias (
            account TEXT NOT NULL, region TEXT NOT NULL, name TEXT NOT NULL,
            key TEXT NOT NULL,
            created_at BIGINT NOT NULL,
            updated_at BIGINT NOT NULL,
            PRIMARY KEY (account, region, name),
            FOREIGN KEY (account, region, key) REFERENCES kms_key (account, region, id) ON DELETE CASCADE
        )
        """,
        "CREATE INDEX kms_alias_key ON kms_alias (account, region, key)",
        """
        CREATE TABLE kms_tag (
            account TEXT NOT NULL, region TEXT NOT NULL, key TEXT NOT NULL,
            name TEXT NOT NULL, value TEXT NOT NULL,
            PRIMARY KEY (account, region, key, name),
            FOREIGN KEY (account, region, key) REFERENCES kms_key (account, region, id) ON DELETE CASCADE
        )
        """,
    ]

    private static let secrets = [
        """
        CREATE TABLE secret (
            arn TEXT PRIMARY KEY,
            account TEXT NOT NULL, region TEXT NOT NULL, name TEXT NOT NULL,
            description TEXT,
            kms_key TEXT,
            created_at BIGINT NOT NULL,
            changed_at BIGINT NOT NULL,
            accessed_at BIGINT,
            deletion_at BIGINT,
            UNIQUE (account, region, name)
        )
        """,
        """
        CREATE TABLE secret_version (
            secret TEXT NOT NULL REFERENCES secret (arn) ON DELETE CASCADE,
            id TEXT NOT NULL,
            kms_key TEXT NOT NULL,
            sealed BYTEA NOT NULL,
            created_at BIGINT NOT NULL,
            accessed_at BIGINT,
            PRIMARY KEY (secret, id)
        )
        """,
        """
        CREATE TABLE secret_stage (
            secret TEXT NOT NULL,
            name TEXT NOT NULL,
            version TEXT NOT NULL,
            PRIMARY KEY (secret, name),
            FOREIGN KEY (secret, version) REFERENCES secret_version (secret, id) ON DELETE CASCADE
        )
        """,
        """
        CREATE TABLE secret_tag (
            secret TEXT NOT NULL REFERENCES secret (arn) ON DELETE CASCADE,
            key TEXT NOT NULL, value TEXT NOT NULL,
            PRIMARY KEY (secret, key)
        )
        """,
    ]
}
