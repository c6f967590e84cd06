import WeirCore
import WeirRegistry

/// Images: list, describe, read and delete.
struct ImageOperations: Sendable {
    let registry: Registry

    var table: [AWSOperation] {
        [
            AWSOperation(.ecr, "ListImages", may: .repository, list),
            AWSOperation(.ecr, "DescribeImages", may: .repository, describe),
            AWSOperation(.ecr, "BatchGetImage", may: .images, batchGet),
            AWSOperation(.ecr, "BatchDeleteImage", may: .images, batchDelete),
        ]
    }

    /// ECR's `ImageStatusFilter`.
    private enum Status: String, CaseIterable {
        case active = "ACTIVE"
        case archived = "ARCHIVED"
        case activating = "ACTIVATING"
        case any = "ANY"

        /// Nil for all.
        var status: ImageStatus? { ImageStatus(rawValue: rawValue) }
    }

    private func list(_ call: AWSCall) async throws -> JSONValue {
        let (tagStatus, status) = try filter(call)
        let (name, home) = try call.repository()
        let page = try page(call, "ListImages", of: name, in: home, tagStatus, status)
        let found = try await registry.images.list(
            in: name, of: home, tagStatus, status.status, after: page.after, limit: page.limit)
        return page.answer(found, as: "imageIds") { .imageID($0) }
    }

    private func describe(_ call: AWSCall) async throws -> JSONValue {
        let ids = try call.imageIDs()
        let (tagStatus, status) = try filter(call)
        if let ids {
            try PageRequest.refuse(call.input, besides: "imageIds")
            let (name, home) = try call.repository()
            let details = try await registry.images.describe(ids, in: name, of: home)
            return ["imageDetails": .array(details.map { .imageDetail($0, name, in: home) })]
        }
        let (name, home) = try call.repository()
        let page = try page(call, "DescribeImages", of: name, in: home, tagStatus, status)
        let found = try await registry.images.describe(
            in: name, of: home, tagStatus, status.status, after: page.after, limit: page.limit)
        return page.answer(found, as: "imageDetails") { .imageDetail($0, name, in: home) }
    }

    /// Manifests are returned as stored, whatever media types are accepted: a conversion would change the digest.
    private func batchGet(_ call: AWSCall) async throws -> JSONValue {
        let ids = try call.input.required("imageIds", try call.imageIDs())
        _ = try call.input.optionalStrings("acceptedMediaTypes", count: 1...100)
        let (name, home) = try call.repository()
        let (images, failures) = try await registry.pulls.manifests.batchGet(
            ids, in: name, of: home, for: call.caller)
        return [
            "images": .array(images.map { .image($0, name, in: home) }),
            "failures": .array(failures.map { .failure($0) }),
        ]
    }

    private func batchDelete(_ call: AWSCall) async throws -> JSONValue {
        let ids = try call.input.required("imageIds", try call.imageIDs())
        let (name, home) = try call.repository()
        let (removed, failures) = try await registry.images.batchDelete(ids, in: name, of: home)
        return [
            "imageIds": .array(removed.map { .imageID($0) }), "failures": .array(failures.map { .failure($0) }),
        ]
    }

    /// A token is valid only for the list that it came from: the same repository and the same filter.
    private func page(
        _ call: AWSCall, _ operation: String, of name: RepositoryName, in home: RegistryID, _ tagStatus: TagStatus,
        _ status: Status
    ) throws -> PageRequest {
        try PageRequest(
            call.input, of: "\(operation) \(home) \(name) \(tagStatus.rawValue) \(status.rawValue)")
    }

    private func filter(_ call: AWSCall) throws -> (TagStatus, Status) {
        let filter = try call.input.optionalObject("filter")
        return (
            try filter?.optionalChoice("tagStatus", TagStatus.self, listed: ["TAGGED", "UNTAGGED", "ANY"]) ?? .any,
            try filter?.optionalChoice("imageStatus", Status.self) ?? .active
        )
    }
}
