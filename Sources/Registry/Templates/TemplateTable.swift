import WeirCore

/// The rows of `creation_template`.
enum TemplateTable {
    private static let columns = """
        SELECT prefix, description, encryption, kms_key, resource_tags, mutability, exclusions, repository_policy,
            lifecycle_policy, applied_for, custom_role_arn, created_at, updated_at
        FROM creation_template WHERE account = $1 AND region = $2
        """

    static func find(_ prefix: Prefix, in registry: RegistryID, _ sql: any SQLConnection) throws -> CreationTemplate? {
        try sql.rows(columns + " AND prefix_key = $3", registry.columns + [.text(prefix.key)]).first.map(read)
    }

    static func all(in registry: RegistryID, _ sql: any SQLConnection) throws -> [CreationTemplate] {
        try sql.rows(columns + " ORDER BY prefix_key", registry.columns).map(read)
    }

    /// A page of templates, by prefix: those after the prefix whose key is `prefix`.
    static func list(
        in registry: RegistryID, after prefix: String?, limit: Int, _ sql: any SQLConnection
    ) throws -> [CreationTemplate] {
        try sql.rows(
            columns + " AND prefix_key > $3 ORDER BY prefix_key LIMIT $4",
            registry.columns + [.text(prefix ?? ""), .integer(limit)]
        ).map(read)
    }

    /// False where the prefix is taken.
    static func insert(_ template: CreationTemplate, in registry: RegistryID, _ sql: any SQLConnection) throws -> Bool {
        try sql.execute(
            """
            INSERT INTO creation_template (account, region, prefix_key, prefix, description, encryption, kms_key,
                resource_tags, mutability, exclusions, repository_policy, lifecycle_policy, applied_for, custom_role_arn,
                created_at, updated_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
            ON CONFLICT (account, region, prefix_key) DO NOTHING
            """,
            registry.columns + [.text(template.prefix.key), .text(template.prefix)] + (try settings(template))
                + [.timestamp(template.createdAt), .timestamp(template.updatedAt)]) == 1
    }

    static func update(_ template: CreationTemplate, in registry: RegistryID, _ sql: any SQLConnection) throws {
        try sql.execute(
            """
            UPDATE creation_template SET description = $1, encryption = $2, kms_key = $3, resource_tags = $4,
                mutability = $5, exclusions = $6, repository_policy = $7, lifecycle_policy = $8, applied_for = $9,
                custom_role_arn = $10, updated_at = $11
            WHERE account = $12 AND region = $13 AND prefix_key = $14
            """,
            (try settings(template)) + [.timestamp(template.updatedAt)] + registry.columns + [.text(template.prefix.key)])
    }

    static func remove(_ prefix: Prefix, in registry: RegistryID, _ sql: any SQLConnection) throws {
        try sql.execute(
            "DELETE FROM creation_template WHERE account = $1 AND region = $2 AND prefix_key = $3",
            registry.columns + [.text(prefix.key)])
    }

    /// From `description` to `custom_role_arn`, in the order of the columns.
    private static func settings(_ template: CreationTemplate) throws -> [SQLValue] {
        [
            .text(template.description), .text(template.encryptionType), .text(template.kmsKey),
            .text(try StoredJSON.text(template.resourceTags.map(StoredJSON.Tag.init))),
            .text(template.mutability.setting.rawValue), .text(try StoredJSON.text(template.mutability.exclusions)),
            .text(template.repositoryPolicy), .text(template.lifecyclePolicy),
            .text(try StoredJSON.text(template.appliedFor.map(\.rawValue))), .text(template.customRoleARN),
        ]
    }

    private static func read(_ row: SQLRow) throws -> CreationTemplate {
        let setting = try row.text(5)
        guard let mutability = TagMutability.Setting(rawValue: setting) else {
            throw StoredValueError(column: "creation_template.mutability", value: setting)
        }
        let tags: [StoredJSON.Tag] = try StoredJSON.read(try row.text(4))
        let scenarios: [String] = try StoredJSON.read(try row.text(9))
        return CreationTemplate(
            prefix: try Prefix(try row.text(0), lengths: CreationTemplate.prefixLengths),
            description: try row.optionalText(1), encryptionType: try row.text(2), kmsKey: try row.optionalText(3),
            resourceTags: tags.map(\.tag),
            mutability: TagMutability(mutability, excluding: try StoredJSON.read(try row.text(6))),
            repositoryPolicy: try row.optionalText(7), lifecyclePolicy: try row.optionalText(8),
            appliedFor: try scenarios.map { name in
                guard let scenario = CreationTemplate.Scenario(rawValue: name) else {
                    throw StoredValueError(column: "creation_template.applied_for", value: name)
                }
                return scenario
            },
            customRoleARN: try row.optionalText(10), createdAt: try row.timestamp(11), updatedAt: try row.timestamp(12))
    }
}
