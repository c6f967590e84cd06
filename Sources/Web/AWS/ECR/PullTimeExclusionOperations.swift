import WeirCore
import WeirRegistry

/// Principals whose pulls do not count as a use of an image.
struct PullTimeExclusionOperations: Sendable {
    let registry: Registry

    var table: [AWSOperation] {
        [
            AWSOperation(.ecr, "RegisterPullTimeUpdateExclusion", may: .registry, register),
            AWSOperation(.ecr, "DeregisterPullTimeUpdateExclusion", may: .registry, deregister),
            AWSOperation(.ecr, "ListPullTimeUpdateExclusions", may: .registry, list),
        ]
    }

    private func register(_ call: AWSCall) async throws -> JSONValue {
        let principal = try self.principal(call)
        let exclusion = try await registry.settings.exclude(principal, in: call.registry)
        return ["principalArn": .string(principal), "createdAt": .timestamp(exclusion.createdAt)]
    }

    private func deregister(_ call: AWSCall) async throws -> JSONValue {
        let principal = try self.principal(call)
        try await registry.settings.include(principal, in: call.registry)
        return ["principalArn": .string(principal)]
    }

    private func list(_ call: AWSCall) async throws -> JSONValue {
        let page = try PageRequest(call.input, of: "ListPullTimeUpdateExclusions")
        let found = try await registry.settings.exclusions(of: call.registry, after: page.after, limit: page.limit)
        return page.answer(found, as: "pullTimeUpdateExclusions") { .string($0.principalARN) }
    }

    private func principal(_ call: AWSCall) throws -> String {
        try call.input.string("principalArn", length: 0...200, pattern: Self.principalPattern)
    }

    /// A user or a role: the account's root cannot be excluded.
    private static let principalPattern = Pattern(
        #"^arn:aws(-[a-z]+)*:iam::[0-9]{12}:(role|user)/[\w+=,.@-]+(/[\w+=,.@-]+)*$"#
    ) { text in
        guard let arn = ARNText(text), arn.service == "iam", arn.region.isEmpty, (try? AccountID(arn.account)) != nil
        else { return false }
        let parts = arn.resource.split(separator: "/", omittingEmptySubsequences: false)
        return parts.count >= 2 && (parts[0] == "role" || parts[0] == "user")
            && parts.dropFirst().allSatisfy { part in
                !part.isEmpty && part.utf8.allSatisfy { ASCII.isWord($0) || "+=,.@-".utf8.contains($0) }
            }
    }
}
