import WeirCore
import WeirRegistry

/// Pulls for an operator: fetch images ahead, ask upstream about a tag now, and explain what a pull would do.
struct PullOperations: Sendable {
    let registry: Registry

    var table: [AWSOperation] {
        [
            AWSOperation(.weir, "StartWarm", may: .registry, warm),
            AWSOperation(.weir, "DescribeWarm", may: .registry, describeWarm),
            AWSOperation(.weir, "ListWarms", may: .registry, listWarms),
            AWSOperation(.weir, "RefreshImage", may: .reading { try await image($0, $1) }, refresh),
            AWSOperation(.weir, "ExplainImage", may: .reading { try await image($0, $1) }, explain),
        ]
    }

    private func image(_ call: AWSCall, _ action: String) async throws -> [AccessDemand] {
        let image = try await call.image(registry.cacheRules)
        return [AccessDemand(action, on: .repository(image.name, in: call.registry))]
    }

    private func warm(_ call: AWSCall) async throws -> JSONValue {
        let texts = try call.input.strings("images", count: 1...1_000, length: 2...800)
        let platforms = try call.input.optionalStrings("platforms", count: 0...RuleOptions.platformsLimit, length: 3...100)
        var images: [WarmImage] = []
        for text in texts {
            let image = try await ImageName(text, in: call.registry, registry.cacheRules)
            images.append(WarmImage(name: image.name, reference: image.reference, platforms: platforms ?? []))
        }
        return ["warm": .warm(try registry.pulls.warmups.begin(images, in: call.registry, for: call.caller))]
    }

    private func describeWarm(_ call: AWSCall) async throws -> JSONValue {
        let id = try call.input.string("warmId", length: 1...64)
        guard let job = registry.pulls.warmups.job(id, in: call.registry) else {
            throw Refusal.invalidParameter("warmId", "No warming has this number (any more)")
        }
        return ["warm": .warm(job)]
    }

    private func listWarms(_ call: AWSCall) async throws -> JSONValue {
        ["warms": .array(registry.pulls.warmups.jobs(in: call.registry).map { .warm($0) })]
    }

    private func refresh(_ call: AWSCall) async throws -> JSONValue {
        let image = try await call.image(registry.cacheRules)
        guard case .tag(let tag) = image.reference else {
            throw Refusal.invalidParameter("image", "A digest names the same content for ever: only a tag can be refreshed")
        }
        let outcome = try await registry.pulls.revalidations.refresh(tag, in: image.name, of: call.registry, for: call.caller)
        return .members([
            "repositoryName": .string("\(image.name)"), "imageTag": .string("\(tag)"),
            "change": .string(outcome.change.rawValue), "before": outcome.before.map { .string("\($0)") },
            "after": .string("\(outcome.after)"),
        ])
    }

    private func explain(_ call: AWSCall) async throws -> JSONValue {
        let asksUpstream = try call.input.optionalBool("askUpstream") ?? true
        let image = try await call.image(registry.cacheRules)
        let found = try await registry.pulls.explanations.explain(
            image.reference, in: image.name, of: call.registry, for: call.caller, askUpstream: asksUpstream)
        return .members([
            "repositoryName": .string("\(image.name)"), "reference": .string("\(image.reference)"),
            "decision": .string(found.decision.rawValue), "reason": .string(found.reason),
            "heldDigest": found.heldDigest.map { .string("\($0)") },
            "upstreamDigest": found.upstreamDigest.map { .string("\($0)") },
            "steps": .array(
                found.steps.map { ["subject": .string($0.subject.rawValue), "finding": .string($0.finding)] }),
        ])
    }
}

extension JSONValue {
    fileprivate static func warm(_ job: WarmJob) -> JSONValue {
        let hasFailed = job.images.contains { $0.state == .failed }
        return .members([
            "warmId": .string(job.id), "status": .string(job.isFinished ? (hasFailed ? "FAILED" : "DONE") : "RUNNING"),
            "startedAt": .timestamp(job.startedAt), "endedAt": job.endedAt.map { .timestamp($0) },
            "images": .array(job.images.map { .warming($0) }),
        ])
    }

    private static func warming(_ progress: WarmJob.Progress) -> JSONValue {
        .members([
            "repositoryName": .string("\(progress.image.name)"), "reference": .string("\(progress.image.reference)"),
            "platforms": progress.image.platforms.isEmpty ? nil : strings(progress.image.platforms),
            "status": .string(progress.state.rawValue.uppercased()), "digest": progress.digest.map { .string("\($0)") },
            "failure": progress.failure.map { .string($0) }, "manifests": .integer(Int64(progress.manifests)),
            "blobs": .integer(Int64(progress.blobs)), "blobsDone": .integer(Int64(progress.blobsDone)),
            "bytes": .integer(progress.bytes), "bytesDone": .integer(progress.bytesDone),
        ])
    }
}
