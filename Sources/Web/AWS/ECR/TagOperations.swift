import WeirCore
import WeirRegistry

/// AWS tags of a repository, which is named by its ARN.
struct TagOperations: Sendable {
    let registry: Registry

    var table: [AWSOperation] {
        [
            AWSOperation(.ecr, "TagResource", tag),
            AWSOperation(.ecr, "UntagResource", untag),
            AWSOperation(.ecr, "ListTagsForResource", list),
        ]
    }

    private func tag(_ call: AWSCall) async throws -> JSONValue {
        let tags = try call.input.required("tags", try call.resourceTags("tags"))
        let (name, home) = try await target(call, "ecr:TagResource", Access.facts(giving: tags))
        try await registry.repositories.tag(name, in: home, with: tags)
        return [:]
    }

    private func untag(_ call: AWSCall) async throws -> JSONValue {
        let keys = try call.input.strings("tagKeys")
        let (name, home) = try await target(call, "ecr:UntagResource", Access.facts(naming: keys))
        try await registry.repositories.untag(name, in: home, keys: keys)
        return [:]
    }

    private func list(_ call: AWSCall) async throws -> JSONValue {
        let (name, home) = try await target(call, "ecr:ListTagsForResource")
        return ["tags": .tags(try await registry.repositories.tags(of: name, in: home))]
    }

    /// `arn:aws:ecr:REGION:ACCOUNT:repository/NAME`, in the region that was asked.
    private func target(
        _ call: AWSCall, _ action: String, _ facts: [String: [String]] = [:]
    ) async throws -> (RepositoryName, RegistryID) {
        let text = try call.input.string("resourceArn")
        let parts = text.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 6, parts[0] == "arn", parts[1] == call.registry.region.partition, parts[2] == "ecr",
            parts[3] == call.registry.region.description, let account = try? AccountID(parts[4]),
            parts[5].hasPrefix("repository/"),
            let name = try? RepositoryName(String(parts[5].dropFirst("repository/".count)))
        else { throw Refusal.invalidParameter("resourceArn", "Invalid ARN") }
        let home = RegistryID(account: account, region: call.registry.region)
        try await call.permit(action, on: name, in: home, registry.access, facts: facts)
        return (name, home)
    }
}
