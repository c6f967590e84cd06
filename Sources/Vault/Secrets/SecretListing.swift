package import WeirCore

/// Which secrets `ListSecrets` returns, and in which order.
package struct SecretListing: Sendable {
    /// A secret must match every filter; it matches a filter if any of the filter's values matches. A value `!TEXT`
    /// matches the secrets that TEXT does not match.
    package struct Filter: Sendable {
        package enum Key: String, Sendable, CaseIterable {
            case description, name, all
            case tagKey = "tag-key"
            case tagValue = "tag-value"
            case primaryRegion = "primary-region"
            case owningService = "owning-service"
        }

        package let key: Key
        package let values: [String]

        package init(key: Key, values: [String]) {
            self.key = key
            self.values = values
        }

        func fits(_ detail: SecretDetail) -> Bool {
            let told = texts(of: detail)
            return values.contains { value in
                if value.hasPrefix("!") { !matches(String(value.dropFirst()), told) } else { matches(value, told) }
            }
        }

        private func texts(of detail: SecretDetail) -> [String] {
            let (secret, tags) = (detail.secret, detail.tags)
            return switch key {
            case .name: [secret.name]
            case .description: [secret.description ?? ""]
            case .tagKey: tags.map(\.key)
            case .tagValue: tags.map(\.value)
            case .primaryRegion: [secret.registry.region.description]
            // No secret here is owned by another service.
            case .owningService: []
            case .all: [secret.name, secret.description ?? ""] + tags.flatMap { [$0.key, $0.value] }
            }
        }

        private func matches(_ value: String, _ texts: [String]) -> Bool {
            switch key {
            case .name, .tagKey, .tagValue, .primaryRegion: texts.contains { $0.hasPrefix(value) }
            case .description, .all, .owningService: SecretWords.contains(value, in: texts)
            }
        }
    }

    package enum Sorting: String, Sendable, CaseIterable {
        case createdDate = "created-date"
        case lastAccessedDate = "last-accessed-date"
        case lastChangedDate = "last-changed-date"
        case name
    }

    package enum Order: String, Sendable, CaseIterable { case asc, desc }

    package enum Deleted: Sendable { case listed, leftOut }

    package var filters: [Filter]
    package var sorting: Sorting
    package var order: Order
    package var deleted: Deleted

    package init(
        filters: [Filter] = [], sorting: Sorting = .createdDate, order: Order = .asc, deleted: Deleted = .leftOut
    ) {
        self.filters = filters
        self.sorting = sorting
        self.order = order
        self.deleted = deleted
    }

    func shows(_ detail: SecretDetail) -> Bool {
        (deleted == .listed || detail.secret.deletionAt == nil) && filters.allSatisfy { $0.fits(detail) }
    }

    /// A unique sort key.
    func place(of secret: Secret) -> String {
        let moment: Timestamp?
        switch sorting {
        case .name: return "\(secret.name) \(secret.arn)"
        case .createdDate: moment = secret.createdAt
        case .lastChangedDate: moment = secret.changedAt
        case .lastAccessedDate: moment = secret.accessedAt
        }
        let digits = String(moment?.microseconds ?? 0)
        return String(repeating: "0", count: max(0, 20 - digits.count)) + digits + " " + secret.arn
    }

    func isAfter(_ place: String, _ secret: Secret) -> Bool {
        order == .asc ? self.place(of: secret) > place : self.place(of: secret) < place
    }
}

extension Secrets {
    package func list(
        _ listing: SecretListing, in registry: RegistryID, after place: String?, limit: Int
    ) async throws -> VaultPage<SecretDetail> {
        let due = clock.due
        // An account has a few hundred secrets: filtering in memory is simpler than in SQL, and no slower.
        let details = try await database.read { sql in
            try SecretTable.all(in: registry, at: due, sql).map { try Self.detail(of: $0, sql) }
        }
        let shown = details.filter { detail in
            listing.shows(detail) && (place.map { listing.isAfter($0, detail.secret) } ?? true)
        }
        let sorted = shown.sorted { one, other in
            let (first, second) = (listing.place(of: one.secret), listing.place(of: other.secret))
            return listing.order == .asc ? first < second : first > second
        }
        return VaultPage(of: sorted, limit: limit) { listing.place(of: $0.secret) }
    }
}
