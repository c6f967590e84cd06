import WeirCore
import WeirRegistry

/// Manifests that refer to an image: signatures, attestations, SBOMs.
struct ReferrerOperations: Sendable {
    let registry: Registry

    var table: [AWSOperation] {
        // IAM has no action of its own for it.
        [AWSOperation(.ecr, "ListImageReferrers", may: .repository(asking: "ecr:BatchGetImage"), list)]
    }

    /// ECR's `ArtifactStatusFilter`.
    private enum Status: String, CaseIterable {
        case active = "ACTIVE"
        case archived = "ARCHIVED"
        case activating = "ACTIVATING"
        case any = "ANY"

        var statuses: Set<ImageStatus> {
            ImageStatus(rawValue: rawValue).map { [$0] } ?? Set(ImageStatus.allCases)
        }
    }

    private func list(_ call: AWSCall) async throws -> JSONValue {
        let subject = try call.input.object("subjectId").noun("imageDigest", pattern: AWSCall.digestPattern) {
            (text: String) throws(NameError) in try Digest(text)
        }
        let filter = try self.filter(call)
        let (name, home) = try call.repository()
        let page = try PageRequest(
            call.input, of: "ListImageReferrers \(home) \(name) \(subject)", sizes: 1...50, standard: 20)
        do {
            let list = try await registry.referrers.list(
                of: subject, in: name, of: home, for: call.caller, filter, after: page.after, limit: page.limit)
            return page.answer(Page(items: list.referrers, next: list.next), as: "referrers") { Self.json($0) }
        } catch let refusal as Refusal where refusal.reason.isUpstreams {
            throw Refusal(
                .unableToListUpstreamReferrers, refusal.message, retryAfter: refusal.retryAfter, facts: refusal.facts)
        }
    }

    private func filter(_ call: AWSCall) throws -> ReferrerFilter {
        let filter = try call.input.optionalObject("filter")
        return ReferrerFilter(
            artifactTypes: try filter?.optionalStrings("artifactTypes", count: 0...5, length: 1...255) ?? [],
            statuses: (try filter?.optionalChoice("artifactStatus", Status.self) ?? .active).statuses)
    }

    private static func json(_ referrer: Referrer) -> JSONValue {
        .members([
            "digest": .string(referrer.digest.description), "mediaType": .string(referrer.mediaType),
            "artifactType": referrer.artifactType.map { .string($0) }, "size": .integer(referrer.size),
            "annotations": referrer.annotations.isEmpty ? nil : .object(referrer.annotations.mapValues { .string($0) }),
            "artifactStatus": .string(referrer.status.rawValue),
        ])
    }
}

extension Refusal.Reason {
    /// Upstream, or the way to it, refused.
    fileprivate var isUpstreams: Bool {
        switch self {
        case .upstreamDenied, .upstreamRateLimited, .upstreamUnavailable, .upstreamInvalid, .secretNotFound,
            .unableToAccessSecret, .unableToDecryptSecretValue, .imageNotFound:
            true
        default: false
        }
    }
}
