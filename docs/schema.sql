-- What all migrations come to, printed by SchemaTests. They themselves: …Schema.swift.

CREATE TABLE access_key (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    principal_arn TEXT NOT NULL,
    user_id TEXT NOT NULL,
    sealed_secret BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    status TEXT NOT NULL
, is_root BIGINT NOT NULL DEFAULT 0, last_used_at BIGINT, last_used_service TEXT, last_used_region TEXT);

CREATE INDEX access_key_owner ON access_key (user_id);

CREATE TABLE blob (
    scope TEXT NOT NULL, digest TEXT NOT NULL,
    size BIGINT NOT NULL,
    stored_at BIGINT NOT NULL, fault TEXT, fault_at BIGINT, fault_detail TEXT,
    PRIMARY KEY (scope, digest)
);

CREATE INDEX blob_by_fault ON blob (fault) WHERE fault IS NOT NULL;

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
    updated_at BIGINT, options TEXT,
    PRIMARY KEY (account, region, prefix_key)
);

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
);

CREATE TABLE iam_account (account TEXT PRIMARY KEY, alias TEXT UNIQUE, created_at BIGINT NOT NULL, disabled_at BIGINT);

CREATE TABLE iam_attachment (
    owner_id TEXT NOT NULL,
    policy_arn TEXT NOT NULL,
    attached_at BIGINT NOT NULL,
    PRIMARY KEY (owner_id, policy_arn)
);

CREATE INDEX iam_attachment_policy ON iam_attachment (policy_arn);

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
);

CREATE TABLE iam_inline_policy (
    owner_id TEXT NOT NULL,
    name TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (owner_id, name)
);

CREATE TABLE iam_instance_profile (id TEXT PRIMARY KEY, role_id TEXT);

CREATE TABLE iam_membership (group_id TEXT NOT NULL, user_id TEXT NOT NULL, PRIMARY KEY (group_id, user_id));

CREATE INDEX iam_membership_user ON iam_membership (user_id);

CREATE TABLE iam_oidc_provider (
    id TEXT PRIMARY KEY,
    url TEXT NOT NULL,
    client_ids TEXT NOT NULL,
    thumbprints TEXT NOT NULL,
    key_set TEXT
);

CREATE TABLE iam_policy (id TEXT PRIMARY KEY, default_version BIGINT NOT NULL, last_version BIGINT NOT NULL);

CREATE TABLE iam_policy_version (
    policy_id TEXT NOT NULL,
    version BIGINT NOT NULL,
    document TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (policy_id, version)
);

CREATE TABLE iam_role (
    id TEXT PRIMARY KEY,
    trust TEXT NOT NULL,
    trust_pins TEXT NOT NULL,
    max_session_seconds BIGINT NOT NULL,
    service TEXT,
    last_used_at BIGINT,
    last_used_region TEXT
);

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
    origin TEXT NOT NULL, status TEXT NOT NULL DEFAULT 'ACTIVE', archived_at BIGINT, activated_at BIGINT,
    PRIMARY KEY (repository, digest)
);

CREATE INDEX image_by_subject ON image (repository, subject, digest);

CREATE INDEX image_not_active ON image (repository, status, digest) WHERE status <> 'ACTIVE';

CREATE TABLE image_blob (
    repository BIGINT NOT NULL,
    image TEXT NOT NULL, digest TEXT NOT NULL,
    size BIGINT NOT NULL,
    PRIMARY KEY (repository, image, digest),
    FOREIGN KEY (repository, image) REFERENCES image (repository, digest) ON DELETE CASCADE
);

CREATE INDEX image_blob_by_size ON image_blob (repository, digest, size);

CREATE TABLE image_child (
    repository BIGINT NOT NULL,
    parent TEXT NOT NULL, child TEXT NOT NULL,
    size BIGINT NOT NULL,
    PRIMARY KEY (repository, parent, child),
    FOREIGN KEY (repository, parent) REFERENCES image (repository, digest) ON DELETE CASCADE
);

CREATE INDEX image_child_by_list ON image_child (repository, child, parent);

CREATE TABLE image_replication (
    repository BIGINT NOT NULL,
    digest TEXT NOT NULL,
    account TEXT NOT NULL, region TEXT NOT NULL,
    tags TEXT NOT NULL,
    status TEXT NOT NULL,
    failure TEXT,
    requested_at BIGINT NOT NULL,
    attempts INTEGER NOT NULL,
    due_at BIGINT NOT NULL,
    PRIMARY KEY (repository, digest, account, region),
    FOREIGN KEY (repository, digest) REFERENCES image (repository, digest) ON DELETE CASCADE
);

CREATE INDEX image_replication_by_status ON image_replication (status, due_at);

CREATE TABLE image_scan (
    repository BIGINT NOT NULL,
    digest TEXT NOT NULL,
    requested_at BIGINT NOT NULL,
    PRIMARY KEY (repository, digest),
    FOREIGN KEY (repository, digest) REFERENCES image (repository, digest) ON DELETE CASCADE
);

CREATE TABLE kms_alias (
    account TEXT NOT NULL, region TEXT NOT NULL, name TEXT NOT NULL,
    key TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (account, region, name),
    FOREIGN KEY (account, region, key) REFERENCES kms_key (account, region, id) ON DELETE CASCADE
);

CREATE INDEX kms_alias_key ON kms_alias (account, region, key);

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
);

CREATE INDEX kms_grant_grantee ON kms_grant (account, region, key, grantee);

CREATE INDEX kms_grant_retiree ON kms_grant (account, region, retiree, id);

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
    revision BIGINT NOT NULL, policy_pins TEXT,
    PRIMARY KEY (account, region, id)
);

CREATE TABLE kms_material (
    account TEXT NOT NULL, region TEXT NOT NULL, key TEXT NOT NULL,
    version BIGINT NOT NULL,
    sealed BYTEA NOT NULL,
    created_at BIGINT NOT NULL, on_demand BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (account, region, key, version),
    FOREIGN KEY (account, region, key) REFERENCES kms_key (account, region, id) ON DELETE CASCADE
);

CREATE TABLE kms_tag (
    account TEXT NOT NULL, region TEXT NOT NULL, key TEXT NOT NULL,
    name TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (account, region, key, name),
    FOREIGN KEY (account, region, key) REFERENCES kms_key (account, region, id) ON DELETE CASCADE
);

CREATE TABLE lifecycle_preview (
    repository BIGINT PRIMARY KEY REFERENCES repository (id) ON DELETE CASCADE,
    policy TEXT NOT NULL,
    status TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    finished_at BIGINT
);

CREATE TABLE lifecycle_preview_result (
    repository BIGINT NOT NULL REFERENCES lifecycle_preview (repository) ON DELETE CASCADE,
    place BIGINT NOT NULL,
    digest TEXT NOT NULL,
    tags TEXT NOT NULL,
    pushed_at BIGINT NOT NULL,
    storage_class TEXT NOT NULL,
    action TEXT NOT NULL,
    priority BIGINT NOT NULL,
    PRIMARY KEY (repository, place)
);

CREATE TABLE lost_blob (
    scope TEXT NOT NULL, digest TEXT NOT NULL, number TEXT NOT NULL,
    size BIGINT NOT NULL,
    why TEXT NOT NULL,
    since BIGINT NOT NULL,
    holders TEXT NOT NULL,
    PRIMARY KEY (scope, digest, number)
);

CREATE INDEX lost_blob_by_age ON lost_blob (since, number);

CREATE INDEX lost_blob_by_digest ON lost_blob (digest);

CREATE TABLE lost_holder (
    digest TEXT NOT NULL, repository BIGINT NOT NULL,
    account TEXT NOT NULL, region TEXT NOT NULL, name TEXT NOT NULL,
    kms_key TEXT,
    origin TEXT NOT NULL,
    since BIGINT NOT NULL,
    PRIMARY KEY (digest, repository)
);

CREATE INDEX lost_holder_by_age ON lost_holder (since);

CREATE TABLE pull_time_exclusion (
    account TEXT NOT NULL, region TEXT NOT NULL,
    principal TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (account, region, principal)
);

CREATE TABLE registry_fact (name TEXT PRIMARY KEY, value TEXT NOT NULL);

CREATE TABLE registry_key (
    account TEXT NOT NULL, region TEXT NOT NULL,
    sealed BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (account, region)
);

CREATE TABLE registry_setting (
    account TEXT NOT NULL, region TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (account, region, name)
);

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
    lifecycle_policy TEXT, lifecycle_evaluated_at BIGINT, policy_pins TEXT, key_grant_revoked INTEGER NOT NULL DEFAULT 0,
    UNIQUE (account, region, name)
);

CREATE TABLE repository_blob (
    repository BIGINT NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
    digest TEXT NOT NULL,
    origin TEXT NOT NULL, promised_at BIGINT NOT NULL DEFAULT 0, source TEXT,
    PRIMARY KEY (repository, digest)
);

CREATE INDEX repository_blob_by_digest ON repository_blob (digest);

CREATE TABLE resource_tag (
    repository BIGINT NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
    key TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (repository, key)
);

CREATE TABLE root_check (id INTEGER PRIMARY KEY, sealed BYTEA NOT NULL);

CREATE TABLE secret (
    arn TEXT PRIMARY KEY,
    account TEXT NOT NULL, region TEXT NOT NULL, name TEXT NOT NULL,
    description TEXT,
    kms_key TEXT,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    accessed_at BIGINT,
    deletion_at BIGINT, once_tagged BIGINT NOT NULL DEFAULT 0, policy TEXT, policy_pins TEXT,
    UNIQUE (account, region, name)
);

CREATE TABLE secret_stage (
    secret TEXT NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    PRIMARY KEY (secret, name),
    FOREIGN KEY (secret, version) REFERENCES secret_version (secret, id) ON DELETE CASCADE
);

CREATE TABLE secret_tag (
    secret TEXT NOT NULL REFERENCES secret (arn) ON DELETE CASCADE,
    key TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (secret, key)
);

CREATE TABLE secret_version (
    secret TEXT NOT NULL REFERENCES secret (arn) ON DELETE CASCADE,
    id TEXT NOT NULL,
    kms_key TEXT NOT NULL,
    sealed BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    accessed_at BIGINT,
    PRIMARY KEY (secret, id)
);

CREATE TABLE tag (
    repository BIGINT NOT NULL,
    name TEXT NOT NULL,
    digest TEXT NOT NULL,
    checked_at BIGINT,
    PRIMARY KEY (repository, name),
    FOREIGN KEY (repository, digest) REFERENCES image (repository, digest) ON DELETE CASCADE
);

CREATE INDEX tag_by_image ON tag (repository, digest, name);

CREATE TABLE upload (
    id TEXT PRIMARY KEY,
    repository BIGINT NOT NULL,
    account TEXT NOT NULL, region TEXT NOT NULL,
    touched_at BIGINT NOT NULL,
    received BIGINT NOT NULL,
    staged TEXT,
    tail BYTEA,
    parts BIGINT NOT NULL,
    last_part BIGINT NOT NULL,
    short_parts BIGINT NOT NULL
, principal TEXT NOT NULL DEFAULT '');

CREATE INDEX upload_by_principal ON upload (account, region, principal);

CREATE INDEX upload_by_registry ON upload (account, region);

CREATE INDEX upload_by_repository ON upload (repository);

CREATE INDEX upload_by_touch ON upload (touched_at);

CREATE TABLE upstream_referrers (
    repository BIGINT NOT NULL,
    subject TEXT NOT NULL,
    listing BYTEA NOT NULL,
    checked_at BIGINT NOT NULL,
    PRIMARY KEY (repository, subject),
    FOREIGN KEY (repository, subject) REFERENCES image (repository, digest) ON DELETE CASCADE
);
