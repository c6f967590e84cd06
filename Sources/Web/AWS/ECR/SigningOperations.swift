import WeirCore
import WeirRegistry

/// The signing configuration. It is stored, and an image's status says that this server does not sign.
struct SigningOperations: Sendable {
    let registry: Registry

    var table: [AWSOperation] {
        [
            AWSOperation(.ecr, "PutSigningConfiguration", may: .registry, put),
            AWSOperation(.ecr, "GetSigningConfiguration", may: .registry, get),
            AWSOperation(.ecr, "DeleteSigningConfiguration", may: .registry, delete),
            AWSOperation(.ecr, "DescribeImageSigningStatus", may: .repository, status),
        ]
    }

    private static let filterType = "WILDCARD_MATCH"
    private static let reason =
        "This server has no signer: the image was not signed. Sign it with a client, such as notation or cosign"

    private func put(_ call: AWSCall) async throws -> JSONValue {
        let rules = try call.input.object("signingConfiguration").objects("rules", count: 0...10).map { rule in
            SigningConfiguration.Rule(
                profileARN: try rule.string("signingProfileArn", length: 0...200, pattern: Self.profilePattern),
                filters: try RepositoryFilters.read(
                    rule, type: Self.filterType, count: 1...100, length: 1...256, pattern: RepositoryFilters.signing))
        }
        let configuration = SigningConfiguration(rules: rules)
        try await registry.settings.setSigning(configuration, of: call.registry)
        return ["signingConfiguration": Self.json(configuration)]
    }

    private func get(_ call: AWSCall) async throws -> JSONValue {
        answer(call, try await registry.settings.signing(of: call.registry))
    }

    private func delete(_ call: AWSCall) async throws -> JSONValue {
        answer(call, try await registry.settings.deleteSigning(of: call.registry))
    }

    /// One status for each profile whose rules match the repository: failed, and why.
    private func status(_ call: AWSCall) async throws -> JSONValue {
        let id = try call.imageID()
        let (name, home) = try call.repository()
        let image = try await registry.images.find(id, in: name, of: home)
        let profiles = try await registry.settings.configuration(of: home).signing?.profiles(for: name) ?? []
        return .about(
            name, in: home,
            [
                "imageId": .imageID(image),
                "signingStatuses": .array(
                    profiles.map { profile in
                        [
                            "signingProfileArn": .string(profile), "status": "FAILED",
                            "failureCode": "SigningUnavailable",
                            "failureReason": .string(Self.reason),
                        ]
                    }),
            ])
    }

    private func answer(_ call: AWSCall, _ configuration: SigningConfiguration) -> JSONValue {
        [
            "registryId": .string(call.registry.account.description),
            "signingConfiguration": Self.json(configuration),
        ]
    }

    private static func json(_ configuration: SigningConfiguration) -> JSONValue {
        [
            "rules": .array(
                configuration.rules.map { rule in
                    .members([
                        "signingProfileArn": .string(rule.profileARN),
                        "repositoryFilters": rule.filters.map { RepositoryFilters.json($0, type: filterType) },
                    ])
                })
        ]
    }

    private static let profilePattern = Pattern(
        #"^arn:aws(-[a-z]+)*:signer:[a-z0-9-]+:[0-9]{12}:\/signing-profiles\/[a-zA-Z0-9_]{2,}$"#
    ) { text in
        guard let arn = ARNText(text), arn.service == "signer", !arn.region.isEmpty,
            arn.region.utf8.allSatisfy({ ASCII.isLower($0) || ASCII.isDigit($0) || $0 == UInt8(ascii: "-") }),
            (try? AccountID(arn.account)) != nil, arn.resource.hasPrefix("/signing-profiles/")
        else { return false }
        let name = arn.resource.dropFirst("/signing-profiles/".count)
        return name.utf8.count >= 2 && name.utf8.allSatisfy(ASCII.isWord)
    }
}
