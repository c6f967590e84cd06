import WeirCore
import WeirVault

/// Lists of secrets and of a secret's versions.
struct SecretListOperations: Sendable {
    let secrets: Secrets

    var table: [AWSOperation] {
        [
            AWSOperation(.secretsmanager, "ListSecrets", may: .account, list),
            AWSOperation(.secretsmanager, "ListSecretVersionIds", may: .secret, listVersions),
        ]
    }

    private func list(_ call: AWSCall) async throws -> JSONValue {
        var listing = SecretListing()
        listing.filters = try call.secretFilters() ?? []
        listing.sorting = try call.input.optionalChoice("SortBy", SecretListing.Sorting.self) ?? .createdDate
        listing.order = try call.input.optionalChoice("SortOrder", SecretListing.Order.self) ?? .asc
        listing.deleted = try call.input.optionalBool("IncludePlannedDeletion") ?? false ? .listed : .leftOut
        let part = try SecretPart(call.input, of: "ListSecrets/\(listing.sorting.rawValue)/\(listing.order.rawValue)")
        let page = try await secrets.list(listing, in: call.registry, after: part.after, limit: part.limit)
        return .members([
            "SecretList": .array(page.items.map { .detail($0, stagesAs: "SecretVersionsToStages") }),
            "NextToken": page.next.map(part.token),
        ])
    }

    private func listVersions(_ call: AWSCall) async throws -> JSONValue {
        let part = try SecretPart(call.input, of: "ListSecretVersionIds")
        let deprecated = try call.input.optionalBool("IncludeDeprecated") ?? false
        let (secret, page) = try await secrets.versions(
            of: call.secretName(), in: call.registry, deprecated: deprecated ? .listed : .leftOut, after: part.after,
            limit: part.limit)
        return JSONValue.about(secret).adding([
            "Versions": .array(page.items.map { Self.version($0, of: secret) }), "NextToken": page.next.map(part.token),
        ])
    }

    private static func version(_ version: SecretVersion, of secret: Secret) -> JSONValue {
        .members([
            "VersionId": .string(version.id), "CreatedDate": .timestamp(version.createdAt),
            "LastAccessedDate": version.accessedAt.map { .timestamp($0) },
            "VersionStages": version.stages.isEmpty ? nil : .strings(version.stages),
            "KmsKeyIds": [.string(secret.kmsKey == nil ? "DefaultEncryptionKey" : version.kmsKeyARN)],
        ])
    }
}

/// The requested part of a list: `MaxResults` and `NextToken`.
struct SecretPart {
    let listing: String
    let after: String?
    let limit: Int

    init(_ input: Parameters, of listing: String, most: Int64 = 100) throws {
        self.listing = listing
        limit = Int(try input.optionalInteger("MaxResults", 1...most) ?? most)
        let token = try input.optionalString("NextToken", length: 1...4_096)
        do {
            after = try token.map { (text: String) in try PageToken(text, of: listing).cursor }
        } catch {
            throw Refusal(.secretInvalidNextToken, "The NextToken value is invalid.")
        }
    }

    func token(_ cursor: String) -> JSONValue { .string(PageToken(cursor: cursor).text(of: listing)) }
}

extension AWSCall {
    /// `Filters`, all of which must match. Secrets Manager checks by itself that a filter has both members.
    func secretFilters() throws -> [SecretListing.Filter]? {
        try input.optionalObjects("Filters", count: 0...10)?.map { filter in
            guard let key = try filter.optionalChoice("Key", SecretListing.Filter.Key.self) else {
                throw Refusal(.invalidParameter, "Invalid filter key")
            }
            guard let values = try filter.optionalStrings("Values", count: 1...10, length: 0...512) else {
                throw Refusal(.invalidParameter, "Invalid filter values for key: \(key.rawValue)")
            }
            return SecretListing.Filter(key: key, values: values)
        }
    }
}
