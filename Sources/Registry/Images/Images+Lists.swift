package import WeirCore

extension Images {
    /// One entry for each digest and tag, an untagged image once, a page at a time: ECR's `ListImages`.
    ///
    /// - Parameter status: nil for all.
    package func list(
        in name: RepositoryName, of registry: RegistryID, _ filter: TagStatus,
        _ status: ImageStatus? = .active, after cursor: String?, limit: Int
    ) async throws -> Page<ImageID> {
        let repository = try await repositories.existing(name, in: registry)
        let after = cursor.map { text -> (digest: String, tag: String) in
            let parts = text.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
            return (String(parts[0]), parts.count > 1 ? String(parts[1]) : "")
        }
        let ids = try await database.read {
            try ImageListQueries.ids(in: repository.id, filter, status, after: after, limit: limit + 1, $0)
        }
        return Page(ids, limit: limit) { "\($0.digest) \($0.tag?.description ?? "")" }
    }

    /// Images by digest, a page at a time: ECR's `DescribeImages`.
    package func describe(
        in name: RepositoryName, of registry: RegistryID, _ filter: TagStatus,
        _ status: ImageStatus? = .active, after cursor: String?, limit: Int
    ) async throws -> Page<ImageDetail> {
        let repository = try await repositories.existing(name, in: registry)
        let (details, isCut) = try await database.read {
            try ImageListQueries.details(in: repository.id, filter, status, after: cursor, limit: limit + 1, $0)
        }
        if isCut { return Page(items: details, next: details.last?.digest.description) }
        return Page(details, limit: limit) { $0.digest.description }
    }

    /// The named images. An id that is missing or malformed fails the whole call, with its own reason, as in ECR.
    package func describe(
        _ ids: [ImageIDRequest], in name: RepositoryName, of registry: RegistryID
    ) async throws -> [ImageDetail] {
        let repository = try await repositories.existing(name, in: registry)
        return try await database.read { sql in
            var details: [ImageDetail] = []
            for id in ids {
                let image = try id.resolved(in: repository, sql)
                guard let detail = try ImageListQueries.detail(of: image.digest, in: repository.id, sql) else {
                    throw Refusal.imageNotFound(id, in: repository)
                }
                if !details.contains(where: { $0.digest == image.digest }) { details.append(detail) }
            }
            return details
        }
    }

    /// Tags in the order of their bytes, a page at a time.
    package func tags(
        in name: RepositoryName, of registry: RegistryID, after tag: String?, limit: Int
    ) async throws -> Page<Tag> {
        let repository = try await repositories.existing(name, in: registry)
        let tags = try await database.read {
            try ImageListQueries.tags(in: repository.id, after: tag, limit: limit + 1, $0)
        }
        return Page(tags, limit: limit) { $0.description }
    }
}
