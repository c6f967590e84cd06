package import WeirCore

/// The registry's tables.
///
/// ```
/// repository ──┬─< resource_tag           its AWS tags
/// (account,    ├─< image ──┬─< image_child    a list names these manifests; they may not be here yet
///  region,     │           └─< image_blob     an image names these blobs, with the sizes it tells
///              │           ├─< upstream_referrers  what upstream said of the image's referrers, sealed
///              │           └─< image_scan, image_replication   what was asked for the image, and what became of it
///  name)       ├─< tag                        a name for an image; checked_at tells when upstream was last asked
///              ├─< lifecycle_preview ──< lifecycle_preview_result
///              └─< repository_blob            this repository has proved that it may serve the blob; promised_at tells when a
///                                             client was last told so, and for how long the collector therefore waits;
///                                             source tells where upstream a cached one came from
///
/// blob              what lies in the blob store: (scope, digest); scope names the key that seals it; fault tells why whoever read it last
///                   did not get it
/// lost_blob         what was taken out of its place and waits in quarantine; lost_holder: who could serve it
/// cache_rule        (account, region, prefix); options: what can be set beyond ECR's API
/// creation_template (account, region, prefix)
/// upload            an upload that is open: how far it has come, and where its bytes are
/// registry_setting, pull_time_exclusion   (account, region): what is set for a whole registry
/// registry_fact     what must stay as it was when the data folder was first used
/// ```
///
/// Two facts about a blob are kept apart on purpose. `blob` says that the bytes exist; `repository_blob` says that a repository
/// may serve them, because they were pushed to it or its own upstream repository handed them out. Knowing a digest is never
/// enough.
///
/// A repository's number is random and never used again: one that is deleted and made anew gets nothing that a slow writer
/// still held for the old one. Times are microseconds; JSON is text. Manifests are sealed with the repository's data key
/// (`sealed_key`, wrapped by the key of its encryption); names, tags and sizes are not. `policy_pins` holds the unique ids of the
/// users and roles that a policy names; `key_grant_revoked` says that the repository may no longer use its KMS key.
package enum RegistrySchema {
    /// In the order in which they are applied. What has been released stays as it is: databases have applied it.
    package static let migrations: [Migration] =
        first + collection + referrers + settings + lifecycle + uploads + ruleOptions
        + blobSources + uploadCallers + faults + lost + policyPins

    private static let policyPins = [
        Migration(
            "registry-policy-pins-1",
            [
                "ALTER TABLE repository ADD COLUMN policy_pins TEXT",
                "ALTER TABLE repository ADD COLUMN key_grant_revoked INTEGER NOT NULL DEFAULT 0",
            ])
    ]

    private static let first: [Migration] = [
        Migration(
            "registry-1",
            [
                """
                CREATE TABLE repository (
                    id BIGINT PRIMARY KEY,
                    account TEXT NOT NULL, region TEXT NOT NULL, name TEXT NOT NULL,
                    created_at BIGINT NOT NULL,
                    mutability TEXT NOT NULL,
                    exclusions TEXT NOT NULL,
                    scan_on_push INTEGER NOT NULL,
                    encryption TEXT NOT NULL,
                    kms_key TEXT,
                    sealed_key BYTEA NOT NULL,
                    policy TEXT,
                    lifecycle_policy TEXT,
                    UNIQUE (account, region, name)
                )
                """,
                """
                CREATE TABLE resource_tag (
                    repository BIGINT NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
                    key TEXT NOT NULL, value TEXT NOT NULL,
                    PRIMARY KEY (repository, key)
                )
                """,
                """
                CREATE TABLE image (
                    repository BIGINT NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
                    digest TEXT NOT NULL,
                    media_type TEXT NOT NULL,
                    artifact_type TEXT,
                    subject TEXT,
                    size BIGINT NOT NULL,
                    manifest BYTEA NOT NULL,
                    pushed_at BIGINT NOT NULL,
                    pulled_at BIGINT,
                    origin TEXT NOT NULL,
                    PRIMARY KEY (repository, digest)
                )
                """,
                """
                CREATE TABLE tag (
                    repository BIGINT NOT NULL,
                    name TEXT NOT NULL,
                    digest TEXT NOT NULL,
                    checked_at BIGINT,
                    PRIMARY KEY (repository, name),
                    FOREIGN KEY (repository, digest) REFERENCES image (repository, digest) ON DELETE CASCADE
                )
                """,
                "CREATE INDEX tag_by_digest ON tag (repository, digest)",
                """
                CREATE TABLE image_child (
                    repository BIGINT NOT NULL,
                    parent TEXT NOT NULL, child TEXT NOT NULL,
                    size BIGINT NOT NULL,
                    PRIMARY KEY (repository, parent, child),
                    FOREIGN KEY (repository, parent) REFERENCES image (repository, digest) ON DELETE CASCADE
                )
                """,
                "CREATE INDEX image_child_by_child ON image_child (repository, child)",
                """
                CREATE TABLE image_blob (
                    repository BIGINT NOT NULL,
                    image TEXT NOT NULL, digest TEXT NOT NULL,
                    size BIGINT NOT NULL,
                    PRIMARY KEY (repository, image, digest),
                    FOREIGN KEY (repository, image) REFERENCES image (repository, digest) ON DELETE CASCADE
                )
                """,
                "CREATE INDEX image_blob_by_digest ON image_blob (repository, digest)",
                """
                CREATE TABLE blob (
                    scope TEXT NOT NULL, digest TEXT NOT NULL,
                    size BIGINT NOT NULL,
                    stored_at BIGINT NOT NULL,
                    PRIMARY KEY (scope, digest)
                )
                """,
                """
                CREATE TABLE repository_blob (
                    repository BIGINT NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
                    digest TEXT NOT NULL,
                    origin TEXT NOT NULL,
                    PRIMARY KEY (repository, digest)
                )
                """,
                """
                CREATE TABLE cache_rule (
                    account TEXT NOT NULL, region TEXT NOT NULL,
                    prefix_key TEXT NOT NULL,
                    prefix TEXT NOT NULL,
                    upstream_url TEXT NOT NULL,
                    kind TEXT NOT NULL,
                    upstream_prefix TEXT,
                    credential_arn TEXT,
                    custom_role_arn TEXT,
                    created_at BIGINT NOT NULL,
                    updated_at BIGINT,
                    PRIMARY KEY (account, region, prefix_key)
                )
                """,
                """
                CREATE TABLE creation_template (
                    account TEXT NOT NULL, region TEXT NOT NULL,
                    prefix_key TEXT NOT NULL,
                    prefix TEXT NOT NULL,
                    description TEXT,
                    encryption TEXT NOT NULL,
                    kms_key TEXT,
                    resource_tags TEXT NOT NULL,
                    mutability TEXT NOT NULL,
                    exclusions TEXT NOT NULL,
                    repository_policy TEXT,
                    lifecycle_policy TEXT,
                    applied_for TEXT NOT NULL,
                    custom_role_arn TEXT,
                    created_at BIGINT NOT NULL,
                    updated_at BIGINT NOT NULL,
                    PRIMARY KEY (account, region, prefix_key)
                )
                """,
            ])
    ]
}

/// Where an image, or a blob's membership, came from: `origin` in the tables.
package enum Origin: String, Sendable {
    /// A client pushed it: upstream may not have it.
    case push
    /// Upstream gave it, and can give it again.
    case cache
}
