package import WeirCore

extension ManagedPolicies {
    /// A new version, which decides from now on if it becomes the default.
    ///
    /// Throws `.malformedPolicyDocument`, `.noSuchEntity`, and `.iamLimitExceeded` for a sixth version.
    package func createVersion(
        of arn: String, document: String, isDefault: Bool, in account: AccountID
    ) async throws -> ManagedPolicyVersion {
        try Self.check(document)
        let now = store.clock.now
        return try await store.write { sql in
            var entity = try Self.findToChange(arn, in: account, sql, else: Self.notAttachable)
            guard try ManagedPolicyTable.versions(of: entity.id, sql).count < Self.maxVersions else {
                throw Refusal(
                    .iamLimitExceeded,
                    "A managed policy can have up to \(Self.maxVersions) versions. Before you create a new version, you must delete an "
                        + "existing version.")
            }
            let number = try ManagedPolicyTable.nextVersion(of: entity.id, sql)
            try ManagedPolicyTable.insertVersion(number, of: entity.id, document: document, at: now, sql)
            if isDefault { try ManagedPolicyTable.setDefault(number, of: entity.id, sql) }
            entity.changedAt = now
            try EntityTable.update(entity, sql)
            return ManagedPolicyVersion(number: number, isDefault: isDefault, document: document, createdAt: now)
        }
    }

    /// - Parameter id: `v3`. Throws `.noSuchEntity`.
    package func version(_ id: String, of arn: String, in account: AccountID) async throws -> ManagedPolicyVersion {
        try await store.read { sql in
            let missing = { (arn: String) in "Policy \(arn) version \(id) does not exist or is not attachable." }
            let found = try Self.find(arn, in: account, sql, else: missing)
            guard let version = try Self.versions(of: found, sql).first(where: { $0.id == id }) else {
                throw Refusal(.noSuchEntity, missing(arn))
            }
            return version
        }
    }

    /// The newest first. Throws `.noSuchEntity`.
    package func versions(of arn: String, in account: AccountID) async throws -> [ManagedPolicyVersion] {
        try await store.read { sql in
            try Self.versions(of: Self.find(arn, in: account, sql, else: Self.notFound), sql)
        }
    }

    static func versions(of found: Found, _ sql: any SQLConnection) throws -> [ManagedPolicyVersion] {
        switch found {
        case .own(let entity): try ManagedPolicyTable.versions(of: entity.id, sql)
        case .aws(let policy):
            [ManagedPolicyVersion(number: policy.version, isDefault: true, document: policy.text, createdAt: policy.changedAt)]
        }
    }

    /// Throws `.noSuchEntity`.
    package func setDefault(_ id: String, of arn: String, in account: AccountID) async throws {
        try await store.write { sql in
            let (entity, version) = try Self.versionToChange(id, of: arn, in: account, sql)
            try ManagedPolicyTable.setDefault(version.number, of: entity.id, sql)
        }
    }

    /// Throws `.noSuchEntity`, and `.deleteConflict` for the default version.
    package func deleteVersion(_ id: String, of arn: String, in account: AccountID) async throws {
        try await store.write { sql in
            let (entity, version) = try Self.versionToChange(id, of: arn, in: account, sql)
            guard !version.isDefault else {
                throw Refusal(.deleteConflict, "Cannot delete the default version of a policy.")
            }
            _ = try ManagedPolicyTable.deleteVersion(version.number, of: entity.id, sql)
        }
    }

    private static func versionToChange(
        _ id: String, of arn: String, in account: AccountID, _ sql: any SQLConnection
    ) throws -> (Entity, ManagedPolicyVersion) {
        let missing = { (arn: String) in "Policy \(arn) version \(id) does not exist or is not attachable." }
        let entity = try findToChange(arn, in: account, sql, else: missing)
        guard let version = try ManagedPolicyTable.versions(of: entity.id, sql).first(where: { $0.id == id }) else {
            throw Refusal(.noSuchEntity, missing(arn))
        }
        return (entity, version)
    }
}
