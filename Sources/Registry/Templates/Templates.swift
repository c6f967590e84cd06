package import WeirCore

/// The repository creation templates of all registries. A registry's templates stay in memory until one of them changes.
package struct Templates: Sendable {
    private static let remembered = 1_000

    private let database: any SQLDatabase
    private let clock: WallClock
    private let cache = HotCache<RegistryID, [CreationTemplate]>(capacity: remembered)

    package init(database: any SQLDatabase, clock: WallClock) {
        self.database = database
        self.clock = clock
    }

    package func create(_ draft: TemplateDraft, in registry: RegistryID) async throws -> CreationTemplate {
        let template = try draft.template(in: registry, at: clock.now)
        defer { cache.forget(registry) }
        try await database.write { sql in
            guard try TemplateTable.insert(template, in: registry, sql) else {
                throw Refusal.templateAlreadyExists(template.prefix, in: registry)
            }
        }
        return template
    }

    /// The templates with these prefixes, in this order. A prefix without a template is left out: ECR lists no exception for it.
    package func describe(_ prefixes: [Prefix], in registry: RegistryID) async throws -> [CreationTemplate] {
        try await database.read { sql in
            var seen: Set<String> = []
            return try prefixes.filter { seen.insert($0.key).inserted }
                .compactMap { try TemplateTable.find($0, in: registry, sql) }
        }
    }

    /// A page of the registry's templates, by prefix.
    package func describe(
        in registry: RegistryID, after prefix: String?, limit: Int
    ) async throws -> Page<CreationTemplate> {
        let found = try await database.read { sql in
            try TemplateTable.list(in: registry, after: prefix, limit: limit + 1, sql)
        }
        return Page(found, limit: limit) { $0.prefix.key }
    }

    /// Changes the draft's members and leaves the others.
    package func update(_ draft: TemplateDraft, in registry: RegistryID) async throws -> CreationTemplate {
        try draft.checkEncryption(in: registry)
        let now = clock.now
        return try await change(draft.prefix, in: registry) { before, sql in
            let template = try draft.laid(over: before, in: registry, at: now)
            try TemplateTable.update(template, in: registry, sql)
            return template
        }
    }

    /// Deletes a template and returns it. Repositories that were made from it stay as they are.
    package func delete(_ prefix: Prefix, in registry: RegistryID) async throws -> CreationTemplate {
        try await change(prefix, in: registry) { template, sql in
            try TemplateTable.remove(prefix, in: registry, sql)
            return template
        }
    }

    /// The template for a repository that `scenario` creates, or nil where none matches.
    package func template(
        for name: RepositoryName, _ scenario: CreationTemplate.Scenario, in registry: RegistryID
    ) async throws -> CreationTemplate? {
        let templates = try await cache.value(for: registry) {
            try await database.read { sql in try TemplateTable.all(in: registry, sql) }
        }
        return templates?.resolve(for: name, scenario)
    }

    private func change(
        _ prefix: Prefix, in registry: RegistryID,
        _ body: @escaping @Sendable (CreationTemplate, any SQLConnection) throws -> CreationTemplate
    ) async throws -> CreationTemplate {
        defer { cache.forget(registry) }
        return try await database.write { sql in
            guard let template = try TemplateTable.find(prefix, in: registry, sql) else {
                throw Refusal.templateNotFound(prefix, in: registry)
            }
            return try body(template, sql)
        }
    }
}

extension Refusal {
    fileprivate static func templateNotFound(_ prefix: Prefix, in registry: RegistryID) -> Refusal {
        Refusal(
            .templateNotFound,
            "The repository creation template with the prefix '\(prefix)' does not exist "
                + "in the registry with id '\(registry.account)'")
    }

    fileprivate static func templateAlreadyExists(_ prefix: Prefix, in registry: RegistryID) -> Refusal {
        Refusal(
            .templateAlreadyExists,
            "The repository creation template with the prefix '\(prefix)' already exists "
                + "in the registry with id '\(registry.account)'")
    }
}
