import WeirCore
import WeirRegistry

/// Where pushed images are copied to, and the state of the copies.
struct ReplicationOperations: Sendable {
    let registry: Registry

    var table: [AWSOperation] {
        [
            AWSOperation(.ecr, "DescribeRegistry", may: .registry, describe),
            AWSOperation(.ecr, "PutReplicationConfiguration", may: .registry, put),
            AWSOperation(.ecr, "DescribeImageReplicationStatus", may: .repository, status),
        ]
    }

    private static let filterType = "PREFIX_MATCH"

    private func describe(_ call: AWSCall) async throws -> JSONValue {
        let replication = try await registry.settings.configuration(of: call.registry).replication
        return [
            "registryId": .string(call.registry.account.description),
            "replicationConfiguration": Self.json(replication),
        ]
    }

    private func put(_ call: AWSCall) async throws -> JSONValue {
        let rules = try call.input.object("replicationConfiguration").objects("rules", count: 0...10).map { rule in
            ReplicationConfiguration.Rule(
                destinations: try rule.objects("destinations", count: 0...100).map(destination),
                prefixes: try RepositoryFilters.read(
                    rule, type: Self.filterType, count: 1...100, length: 2...256, pattern: RepositoryFilters.prefix))
        }
        let replication = ReplicationConfiguration(rules: rules)
        try await registry.settings.setReplication(replication, of: call.registry)
        return ["replicationConfiguration": Self.json(replication)]
    }

    private func destination(_ input: Parameters) throws -> ReplicationConfiguration.Destination {
        let region = try input.noun("region", length: 2...25, pattern: "[0-9a-z-]{2,25}") {
            (text: String) throws(NameError) in try Region(text)
        }
        let account = try input.noun("registryId", pattern: AWSCall.accountPattern) {
            (text: String) throws(NameError) in try AccountID(text)
        }
        return ReplicationConfiguration.Destination(region: "\(region)", registryID: "\(account)")
    }

    private func status(_ call: AWSCall) async throws -> JSONValue {
        let id = try call.imageID()
        let (name, home) = try call.repository()
        let image = try await registry.images.find(id, in: name, of: home)
        let statuses = try await registry.replication.statuses(of: image.digest, in: name, of: home)
        return [
            "repositoryName": .string(name.description), "imageId": .imageID(image),
            "replicationStatuses": .array(
                statuses.map { status in
                    .members([
                        "region": .string(status.destination.region.description),
                        "registryId": .string(status.destination.account.description),
                        "status": .string(status.state.rawValue), "failureCode": status.failure.map { .string($0) },
                    ])
                }),
        ]
    }

    private static func json(_ replication: ReplicationConfiguration) -> JSONValue {
        [
            "rules": .array(
                replication.rules.map { rule in
                    .members([
                        "destinations": .array(
                            rule.destinations.map {
                                ["region": .string($0.region), "registryId": .string($0.registryID)]
                            }),
                        "repositoryFilters": rule.prefixes.map { RepositoryFilters.json($0, type: filterType) },
                    ])
                })
        ]
    }
}
