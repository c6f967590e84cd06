import WeirCore
import WeirRegistry

/// Lifecycle policies, their previews, and the archive (docs/lifecycle.md).
struct LifecycleOperations: Sendable {
    let registry: Registry

    var table: [AWSOperation] {
        [
            AWSOperation(.ecr, "PutLifecyclePolicy", may: .repository, set),
            AWSOperation(.ecr, "GetLifecyclePolicy", may: .repository, policy),
            AWSOperation(.ecr, "DeleteLifecyclePolicy", may: .repository, delete),
            AWSOperation(.ecr, "StartLifecyclePolicyPreview", may: .repository, startPreview),
            AWSOperation(.ecr, "GetLifecyclePolicyPreview", may: .repository, preview),
            AWSOperation(.ecr, "UpdateImageStorageClass", may: .repository, setStorageClass),
        ]
    }

    private static let policyLengths = 100...LifecyclePolicy.maxLength

    private func set(_ call: AWSCall) async throws -> JSONValue {
        let text = try call.input.string("lifecyclePolicyText", length: Self.policyLengths)
        let (name, home) = try call.repository()
        _ = try await registry.repositories.setLifecyclePolicy(text, of: name, in: home)
        return .about(name, in: home, ["lifecyclePolicyText": .string(text)])
    }

    private func policy(_ call: AWSCall) async throws -> JSONValue {
        let (name, home) = try call.repository()
        return .policy(try await registry.lifecycle.policy(of: name, in: home), of: name, in: home)
    }

    private func delete(_ call: AWSCall) async throws -> JSONValue {
        let (name, home) = try call.repository()
        return .policy(try await registry.lifecycle.deletePolicy(of: name, in: home), of: name, in: home)
    }

    private func startPreview(_ call: AWSCall) async throws -> JSONValue {
        let text = try call.input.optionalString("lifecyclePolicyText", length: Self.policyLengths)
        let (name, home) = try call.repository()
        let policy = try await registry.lifecycle.startPreview(of: text, for: name, in: home)
        return .about(
            name, in: home,
            [
                "lifecyclePolicyText": .string(policy),
                "status": .string(LifecyclePreview.Status.inProgress.rawValue),
            ])
    }

    private func preview(_ call: AWSCall) async throws -> JSONValue {
        let ids = try call.imageIDs()
        let filter =
            try call.input.optionalObject("filter")?
            .optionalChoice("tagStatus", TagStatus.self, listed: ["TAGGED", "UNTAGGED", "ANY"]) ?? .any
        if ids != nil { try PageRequest.refuse(call.input, besides: "imageIds") }
        let name = try call.repositoryName()
        let page = try PageRequest(
            call.input, of: "GetLifecyclePolicyPreview \(name) \(filter.rawValue)", sizes: 1...100)
        let (_, home) = try call.repository()
        let preview = try await registry.lifecycle.preview(
            for: name, in: home, ids: ids, filter, after: page.after, limit: page.limit)
        let answer = page.answer(preview.results, as: "previewResults") { .previewResult($0) }
        return answer.adding([
            "registryId": .string(home.account.description), "repositoryName": .string(name.description),
            "lifecyclePolicyText": .string(preview.policyText), "status": .string(preview.status.rawValue),
            "summary": preview.status == .complete ? .summary(preview.summary) : nil,
        ])
    }

    private func setStorageClass(_ call: AWSCall) async throws -> JSONValue {
        let id = try call.imageID()
        let target = try call.input.choice("targetStorageClass", TargetStorageClass.self)
        let (name, home) = try call.repository()
        let (image, status) = try await registry.lifecycle.setStorageClass(target, of: id, in: name, of: home)
        return .about(name, in: home, ["imageId": .imageID(image), "imageStatus": .string(status.rawValue)])
    }
}

extension JSONValue {
    fileprivate static func policy(
        _ policy: (text: String, evaluatedAt: Timestamp?), of name: RepositoryName, in registry: RegistryID
    ) -> JSONValue {
        .about(
            name, in: registry,
            [
                "lifecyclePolicyText": .string(policy.text),
                "lastEvaluatedAt": policy.evaluatedAt.map { .timestamp($0) },
            ])
    }

    fileprivate static func previewResult(_ result: LifecyclePreview.Result) -> JSONValue {
        .members([
            "imageTags": result.tags.isEmpty ? nil : .array(result.tags.map { .string($0.description) }),
            "imageDigest": .string(result.digest.description), "imagePushedAt": .timestamp(result.pushedAt),
            "action": .members([
                "type": result.action == .expire ? "EXPIRE" : "TRANSITION",
                "targetStorageClass": result.action == .expire ? nil : "ARCHIVE",
            ]),
            "appliedRulePriority": .integer(Int64(result.priority)),
            "storageClass": result.storageClass == .standard ? "STANDARD" : "ARCHIVE",
        ])
    }

    fileprivate static func summary(_ summary: LifecyclePreview.Summary) -> JSONValue {
        .members([
            "expiringImageTotalCount": .integer(Int64(summary.expiring)),
            "transitioningImageTotalCounts": summary.archiving == 0
                ? nil : [["targetStorageClass": "ARCHIVE", "imageTotalCount": .integer(Int64(summary.archiving))]],
        ])
    }
}
