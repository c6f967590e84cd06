import WeirCore
import WeirRegistry

/// Runs lifecycle policies by command: of one repository, or of all that have one.
struct LifecycleRunOperations: Sendable {
    let registry: Registry

    var table: [AWSOperation] { [AWSOperation(.weir, "RunLifecycle", may: .reading { try Self.demands($0, $1) }, run)] }

    private static func demands(_ call: AWSCall, _ action: String) throws -> [AccessDemand] {
        guard call.input.has("repositoryName") else { return [AccessDemand(action, on: .registry(call.registry))] }
        return [AccessDemand(action, on: .repository(try call.repositoryName(), in: call.registry))]
    }

    private func run(_ call: AWSCall) async throws -> JSONValue {
        let mode: LifecycleRun.Mode = try call.input.optionalBool("dryRun") ?? false ? .dryRun : .real
        guard call.input.has("repositoryName") else {
            let (runs, failed) = try await registry.lifecycle.runAll(in: call.registry, mode)
            return [
                "runs": .array(runs.map { .run($0) }),
                "failures": .array(
                    failed.map { ["repositoryName": .string("\($0.name)"), "reason": .string($0.reason)] }),
            ]
        }
        let name = try call.repositoryName()
        let run = try await registry.lifecycle.run(name, in: call.registry, mode)
        return ["runs": [.run(run)], "failures": []]
    }
}

extension JSONValue {
    fileprivate static func run(_ run: LifecycleRun) -> JSONValue {
        [
            "repositoryName": .string("\(run.repository.name)"), "dryRun": .bool(run.mode == .dryRun),
            "evaluatedAt": .timestamp(run.evaluatedAt),
            "actions": .array(
                run.steps.map { step in
                    [
                        "imageDigest": .string("\(step.image.digest)"), "imageTags": strings(step.image.tags.map(\.description)),
                        "action": .string(step.action == .expire ? "EXPIRE" : "ARCHIVE"),
                        "rulePriority": .integer(Int64(step.priority)),
                    ]
                }),
            "kept": .array(
                run.kept.map { kept in
                    [
                        "imageDigest": .string("\(kept.image.digest)"), "reason": .string(reason(kept.reason)),
                        "rulePriority": .integer(Int64(kept.priority)),
                    ]
                }),
            "changedMeanwhile": strings(run.changedMeanwhile.map(\.description)),
        ]
    }

    private static func reason(_ reason: LifecyclePlan.Kept.Reason) -> String {
        switch reason {
        case .namedByLists(let lists):
            "named by \(lists.prefix(10).map(\.description).joined(separator: ", "))"
                + (lists.count > 10 ? " and \(lists.count - 10) more" : "")
        case .subjectStays(let subject): "it is about \(subject), which stays"
        }
    }
}
