package import WeirCore

/// The OIDC providers of the accounts: whose web identity tokens a role may trust.
package struct OIDCProviders: Sendable {
    /// Of one account. They are listed in one answer.
    package static let maxProviders = 100
    package static let maxClientIDs = 100
    package static let maxThumbprints = 5
    /// Characters of a key set that an operator gives.
    package static let maxKeySet = 65_536

    let store: IdentityStore

    package init(store: IdentityStore) { self.store = store }

    // MARK: Finding

    /// By the issuer exactly as a token spells it; nil where the account has none of it.
    package func provider(issuer: String, in account: AccountID) async throws -> OIDCProvider? {
        guard OIDCIssuer.isURL(issuer) else { return nil }
        let name = String(issuer.dropFirst(OIDCIssuer.scheme.count))
        return try await store.read { sql in try Self.find(name, in: account, sql) }
    }

    /// By ARN, in any partition; nil where the account that the ARN names has none of it.
    package func provider(arn: String) async throws -> OIDCProvider? {
        guard let place = Self.place(arn) else { return nil }
        return try await store.read { sql in try Self.find(place.name, in: place.account, sql) }
    }

    /// Throws `.validation` for a text that is no ARN of a provider, and `.noSuchEntity`.
    package func provider(arn: String, in account: AccountID) async throws -> OIDCProvider {
        try await store.read { sql in try Self.find(arn: arn, in: account, sql, else: Self.notFound) }
    }

    /// All of an account, by name.
    package func list(in account: AccountID) async throws -> [OIDCProvider] {
        try await store.read { sql in
            try EntityTable.list(.oidcProvider, in: account, limit: Self.maxProviders, sql).compactMap {
                try OIDCProviderTable.find($0, sql)
            }
        }
    }

    // MARK: Making and changing

    /// Throws `.validation` for a URL that is none, `.iamInvalidInput`, `.iamLimitExceeded`, and `.entityAlreadyExists`.
    package func create(
        _ url: String, clientIDs: [String], thumbprints: [String], tags: [ResourceTag], in account: AccountID
    ) async throws -> OIDCProvider {
        guard OIDCIssuer.isURL(url) else { throw Refusal(.validation, "Invalid Open ID Connect Provider URL") }
        try PolicyTags.check(tags)
        let provider = OIDCProvider(
            id: EntityID.new(.oidcProvider), account: account, url: url, createdAt: store.clock.now,
            clientIDs: try Self.checked(clientIDs: clientIDs), thumbprints: try Self.checked(thumbprints: thumbprints),
            keySet: nil,
            tags: PolicyTags.sorted(tags))
        try await store.write { sql in
            guard try EntityTable.count(.oidcProvider, in: account, sql) < Int64(Self.maxProviders) else {
                throw Refusal(
                    .iamLimitExceeded, "Cannot exceed quota for OpenIdConnectProvidersPerAccount: \(Self.maxProviders)")
            }
            let entity = Entity(
                id: provider.id, account: account, kind: .oidcProvider, name: provider.name, createdAt: provider.createdAt,
                tags: provider.tags)
            guard try EntityTable.insert(entity, sql) else {
                throw Refusal(.entityAlreadyExists, "Provider with url \(url) already exists.")
            }
            try OIDCProviderTable.insert(provider, sql)
        }
        return provider
    }

    /// Throws `.noSuchEntity`.
    package func delete(_ arn: String, in account: AccountID) async throws {
        try await store.write { sql in
            let provider = try Self.find(arn: arn, in: account, sql) { "OpenId connect Provider \($0) cannot be found." }
            try OIDCProviderTable.delete(provider.id, sql)
            try EntityTable.delete(id: provider.id, sql)
        }
    }

    /// An audience that is there already stays as it is.
    package func addClientID(_ clientID: String, to arn: String, in account: AccountID) async throws {
        try await change(arn, in: account) { provider in
            provider.clientIDs = try Self.checked(clientIDs: provider.clientIDs + [clientID])
        }
    }

    /// An audience that is not there is ignored.
    package func removeClientID(_ clientID: String, from arn: String, in account: AccountID) async throws {
        try await change(arn, in: account) { provider in provider.clientIDs.removeAll { $0 == clientID } }
    }

    package func setThumbprints(_ thumbprints: [String], of arn: String, in account: AccountID) async throws {
        let checked = try Self.checked(thumbprints: thumbprints)
        try await change(arn, in: account) { provider in provider.thumbprints = checked }
    }

    /// Gives the issuer's keys to this server, so that they are not fetched; nil has them fetched again.
    ///
    /// Throws `.validation` for a text that is no key set.
    package func setKeySet(_ text: String?, of arn: String, in account: AccountID) async throws {
        if let text {
            guard text.utf8.count <= Self.maxKeySet, let value = try? JSONValue(parsing: text.utf8), case .array? = value["keys"]
            else {
                throw Refusal(
                    .validation, "The key set is no JSON object with a list of keys, or longer than \(Self.maxKeySet) bytes.")
            }
        }
        try await change(arn, in: account) { provider in provider.keySet = text }
    }

    package func tag(_ arn: String, _ tags: [ResourceTag], in account: AccountID) async throws {
        try PolicyTags.check(tags)
        try await change(arn, in: account) { provider in provider.tags = try PolicyTags.adding(tags, to: provider.tags) }
    }

    package func untag(_ arn: String, _ keys: [String], in account: AccountID) async throws {
        let keys = Set(keys)
        try await change(arn, in: account) { provider in provider.tags.removeAll { keys.contains($0.key) } }
    }

    private func change(
        _ arn: String, in account: AccountID, _ change: @escaping @Sendable (inout OIDCProvider) throws -> Void
    ) async throws {
        try await store.write { sql in
            var provider = try Self.find(arn: arn, in: account, sql, else: Self.notFound)
            let tags = provider.tags
            try change(&provider)
            try OIDCProviderTable.update(provider, sql)
            guard provider.tags != tags, var entity = try EntityTable.find(id: provider.id, sql) else { return }
            entity.tags = provider.tags
            try EntityTable.update(entity, sql)
        }
    }

    // MARK: What they share

    private static func checked(clientIDs: [String]) throws(Refusal) -> [String] {
        var seen: Set<String> = []
        let different = clientIDs.filter { seen.insert($0).inserted }
        guard different.count <= maxClientIDs else {
            throw Refusal(.iamLimitExceeded, "Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: \(maxClientIDs)")
        }
        return different
    }

    private static func checked(thumbprints: [String]) throws(Refusal) -> [String] {
        guard thumbprints.count <= maxThumbprints else {
            throw Refusal(.iamInvalidInput, "Thumbprint list must contain fewer than \(maxThumbprints) entries.")
        }
        let digits = "0123456789abcdefABCDEF"
        for thumbprint in thumbprints where thumbprint.utf8.count != 40 || !thumbprint.allSatisfy(digits.contains) {
            throw Refusal(.iamInvalidInput, "Invalid thumbprint: it must consist of 40 hexadecimal digits.")
        }
        return thumbprints
    }

    private static func place(_ arn: String) -> (account: AccountID, name: String)? {
        let parts = arn.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        guard parts.count == 6, parts[0] == "arn", parts[1] == "aws" || parts[1].hasPrefix("aws-"), parts[2] == "iam",
            parts[3].isEmpty, let account = try? AccountID(String(parts[4])), parts[5].hasPrefix("oidc-provider/")
        else { return nil }
        return (account, String(parts[5].dropFirst("oidc-provider/".count)))
    }

    private static func find(_ name: String, in account: AccountID, _ sql: any SQLConnection) throws -> OIDCProvider? {
        // A path is told apart by case, though two that differ in nothing else cannot be there.
        guard let entity = try EntityTable.find(.oidcProvider, named: name, in: account, sql), entity.name == name else {
            return nil
        }
        return try OIDCProviderTable.find(entity, sql)
    }

    private static func find(
        arn: String, in account: AccountID, _ sql: any SQLConnection, else missing: (String) -> String
    ) throws -> OIDCProvider {
        guard let place = place(arn) else { throw Refusal(.validation, "Invalid ARN: \(arn)") }
        guard place.account == account, let provider = try find(place.name, in: account, sql) else {
            throw Refusal(.noSuchEntity, missing(arn))
        }
        return provider
    }

    private static func notFound(_ arn: String) -> String { "OpenIDConnect Provider not found for arn \(arn)" }
}
