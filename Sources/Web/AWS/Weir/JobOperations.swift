import WeirCore
import WeirRegistry

/// Garbage collection and verification: started here, done in the background, reported by run id.
struct JobOperations: Sendable {
    let registry: Registry
    /// They reach into every account's registry, so only the server's own account may start them.
    let home: RegistryID

    var table: [AWSOperation] {
        [
            AWSOperation(.weir, "StartGarbageCollection", may: .registry(home), collect),
            AWSOperation(.weir, "StartVerification", may: .registry(home), verify),
            AWSOperation(.weir, "DescribeRun", may: .registry(home), describe),
            AWSOperation(.weir, "ListRuns", may: .registry(home), list),
        ]
    }

    private func collect(_ call: AWSCall) async throws -> JSONValue {
        let dryRun = try call.input.optionalBool("dryRun") ?? false
        let grace = try call.input.optionalInteger("graceSeconds", 0...31_536_000)
        let force = try call.input.optionalBool("force") ?? false
        let orders = Collector.Orders(isDryRun: dryRun, grace: grace.map { .seconds($0) }, force: force)
        return ["run": .run(try registry.maintenance.start(.collect(orders)))]
    }

    private func verify(_ call: AWSCall) async throws -> JSONValue {
        let repair = try call.input.optionalBool("repair") ?? false
        let givingUpPushed = try call.input.optionalBool("giveUpPushed") ?? false
        guard repair || !givingUpPushed else {
            throw Refusal.invalidParameter("giveUpPushed", "It is a kind of repair: repair must be true, too")
        }
        return ["run": .run(try registry.maintenance.start(.verify(repair: repair, givingUpPushed: givingUpPushed)))]
    }

    private func describe(_ call: AWSCall) async throws -> JSONValue {
        let id = try call.input.string("runId", length: 1...64)
        guard let run = registry.maintenance.run(id) else {
            throw Refusal.invalidParameter(
                "runId", "No run has this number: the server remembers its last hundred, until it stops")
        }
        return ["run": .run(run)]
    }

    private func list(_ call: AWSCall) async throws -> JSONValue {
        ["runs": .array(registry.maintenance.runs.map { .run($0) })]
    }
}

extension JSONValue {
    static func run(_ run: MaintenanceJobs.Run) -> JSONValue {
        let kind =
            switch run.job {
            case .collect: "GARBAGE_COLLECTION"
            case .verify: "VERIFICATION"
            case .restore: "RESTORATION"
            case .discard: "DELETION"
            }
        return .members([
            "runId": .string(run.id), "kind": .string(kind), "status": .string(run.state.rawValue.uppercased()),
            "askedAt": .timestamp(run.askedAt), "endedAt": run.endedAt.map { .timestamp($0) },
            "progress": .members([
                "phase": .string(run.progress.phase.rawValue), "done": .integer(run.progress.done),
                "total": run.progress.total.map { .integer($0) }, "bytes": .integer(run.progress.bytes),
            ]),
            "collection": run.collection.map { .collection($0) }, "verification": run.verification.map { .verification($0) },
            "lost": run.lost.map { .lost($0) },
            "problem": run.problem.map { .string($0) },
        ])
    }

    private static func collection(_ report: CollectionReport) -> JSONValue {
        .members([
            "dryRun": .bool(report.isDryRun), "memberships": .integer(report.memberships), "blobs": count(report.blobs),
            "orphans": count(report.orphans), "evicted": count(report.evicted), "emptied": count(report.emptied),
            "failures": .integer(report.failures), "stored": count(report.stored), "cached": count(report.cached),
            "freedBytes": .integer(report.freedBytes), "stopped": report.stopped.map { .string($0) },
        ])
    }

    private static func verification(_ report: VerifyReport) -> JSONValue {
        .members([
            "repair": .bool(report.isRepair), "blobs": count(report.blobs), "manifests": .integer(report.manifests),
            "unheld": .integer(report.unheld), "sealedAway": count(report.sealedAway),
            "sealedAwayManifests": .integer(report.sealedAwayManifests), "faultCount": .integer(report.faultCount),
            "repaired": .integer(report.repaired), "isClean": .bool(report.isClean),
            "faults": .array(report.faults.map { .fault($0) }), "stopped": report.stopped.map { .string($0) },
        ])
    }

    private static func fault(_ fault: VerifyReport.Fault) -> JSONValue {
        [
            "kind": .string(fault.kind.rawValue), "subject": .string(fault.subject), "detail": .string(fault.detail),
            "repositories": .array(fault.repositories.map { .string($0) }), "isRepaired": .bool(fault.isRepaired),
            "needsPush": .bool(fault.needsPush),
        ]
    }

    private static func lost(_ report: LostReport) -> JSONValue {
        [
            "done": count(report.done), "failureCount": .integer(report.failureCount),
            "failures": .array(
                report.failures.map { ["digest": .string("\($0.digest)"), "reason": .string($0.reason)] }),
        ]
    }

    static func count(_ count: CollectionReport.Count) -> JSONValue {
        ["items": .integer(count.items), "bytes": .integer(count.bytes)]
    }
}
