import WeirCore
import WeirRegistry

/// The AWS tags of a repository, which the calls name by its ARN.
struct TagOperations: Sendable {
    let registry: Registry

    var table: [AWSOperation] {
        [
            AWSOperation(.ecr, "TagResource", may: .reading { try Self.tagging($0, $1) }, tag),
            AWSOperation(.ecr, "UntagResource", may: .reading { try Self.untagging($0, $1) }, untag),
            AWSOperation(.ecr, "ListTagsForResource", may: .reading { [AccessDemand($1, on: try Self.resource($0))] }, list),
        ]
    }

    private func tag(_ call: AWSCall) async throws -> JSONValue {
        let tags = try call.input.required("tags", try call.resourceTags("tags"))
        let (name, home) = try Self.target(call)
        try await registry.repositories.tag(name, in: home, with: tags)
        return [:]
    }

    private func untag(_ call: AWSCall) async throws -> JSONValue {
        let keys = try call.input.strings("tagKeys")
        let (name, home) = try Self.target(call)
        try await registry.repositories.untag(name, in: home, keys: keys)
        return [:]
    }

    private func list(_ call: AWSCall) async throws -> JSONValue {
        let (name, home) = try Self.target(call)
        return ["tags": .tags(try await registry.repositories.tags(of: name, in: home))]
    }

    /// `arn:aws:ecr:REGION:ACCOUNT:repository/NAME`, in the call's region.
    private static func target(_ call: AWSCall) throws -> (RepositoryName, RegistryID) {
        let text = try call.input.string("resourceArn")
        let parts = text.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 6, parts[0] == "arn", parts[1] == call.registry.region.partition, parts[2] == "ecr",
            parts[3] == call.registry.region.description, let account = try? AccountID(parts[4]),
            parts[5].hasPrefix("repository/"),
            let name = try? RepositoryName(String(parts[5].dropFirst("repository/".count)))
        else { throw Refusal.invalidParameter("resourceArn", "Invalid ARN") }
        return (name, RegistryID(account: account, region: call.registry.region))
    }

    private static func resource(_ call: AWSCall) throws -> AccessDemand.Resource {
        let (name, home) = try target(call)
        return .repository(name, in: home)
    }

    private static func tagging(_ call: AWSCall, _ action: String) throws -> [AccessDemand] {
        let tags = try call.input.required("tags", try call.resourceTags("tags"))
        return [AccessDemand(action, on: try resource(call), facts: Access.facts(giving: tags))]
    }

    private static func untagging(_ call: AWSCall, _ action: String) throws -> [AccessDemand] {
        let keys = try call.input.strings("tagKeys")
        return [AccessDemand(action, on: try resource(call), facts: Access.facts(naming: keys))]
    }
}
