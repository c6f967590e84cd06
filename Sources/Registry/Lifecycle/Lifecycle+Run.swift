import Logging
import Metrics
package import WeirCore

extension Lifecycle {
    /// Images in one transaction: other writers wait no longer than for these.
    private static let batch = 100

    /// Carries out a repository's policy now, or reports what that would do. On disk when this returns.
    ///
    /// One snapshot decides what is to be done, by the function that previews use. The transaction that changes an image looks at
    /// it again, and leaves it to the next run where it has changed.
    ///
    /// Throws `repositoryNotFound`, `lifecyclePolicyNotFound`, and the refusal of the `DestructionPermit` where it is no dry run.
    package func run(
        _ name: RepositoryName, in registry: RegistryID, _ mode: LifecycleRun.Mode
    ) async throws -> LifecycleRun {
        if mode == .real { try await permit.check() }
        let row = try await repositories.row(name, in: registry)
        guard let text = row.lifecyclePolicy else { throw Refusal.lifecyclePolicyNotFound(row.repository) }
        let policy = try LifecyclePolicy(checking: text)
        let (plan, now) = try await plan(policy, for: row.repository)
        var run = LifecycleRun(
            repository: row.repository, policy: policy, mode: mode, evaluatedAt: now, steps: plan.steps,
            kept: plan.kept, changedMeanwhile: [])
        guard mode == .real else {
            audit.note(run)
            return run
        }
        let done = try await carryOut(plan.steps, under: text, in: row.repository)
        let doneDigests = Set(done.map(\.image.digest))
        run = LifecycleRun(
            repository: row.repository, policy: policy, mode: mode, evaluatedAt: now, steps: done, kept: plan.kept,
            changedMeanwhile: plan.steps.map(\.image.digest).filter { !doneDigests.contains($0) })
        try await database.write { sql in
            guard try LifecycleQueries.policy(of: row.repository.id, sql) == text else { return }
            try RepositoryTable.setEvaluated(row.repository.id, at: now, sql)
        }
        tell(run)
        return run
    }

    /// Carries out the policies of all repositories of a registry, by name. A failure stops no other repository's: it is in
    /// `failed`.
    package func runAll(
        in registry: RegistryID, _ mode: LifecycleRun.Mode
    ) async throws -> (runs: [LifecycleRun], failed: [(name: RepositoryName, reason: String)]) {
        var runs: [LifecycleRun] = []
        var failed: [(name: RepositoryName, reason: String)] = []
        for name in try await database.read({ try LifecycleQueries.withPolicy(in: registry, $0) }) {
            do {
                runs.append(try await run(name, in: registry, mode))
            } catch {
                failed.append((name, (error as? Refusal)?.message ?? "\(error)"))
            }
        }
        return (runs, failed)
    }

    /// A repository's policy as it was written, and when it was last carried out; nil where not since it was put.
    package func policy(
        of name: RepositoryName, in registry: RegistryID
    ) async throws -> (text: String, evaluatedAt: Timestamp?) {
        try await database.read { try Self.policy(of: name, in: registry, $0).found }
    }

    /// Deletes the policy and returns it.
    package func deletePolicy(
        of name: RepositoryName, in registry: RegistryID
    ) async throws -> (text: String, evaluatedAt: Timestamp?) {
        let found = try await database.write { sql in
            let (repository, found) = try Self.policy(of: name, in: registry, sql)
            try RepositoryTable.set(lifecyclePolicy: nil, of: repository.id, sql)
            return found
        }
        repositories.forget(name, in: registry)
        return found
    }

    private static func policy(
        of name: RepositoryName, in registry: RegistryID, _ sql: any SQLConnection
    ) throws -> (repository: Repository, found: (text: String, evaluatedAt: Timestamp?)) {
        let row = try RepositoryTable.existing(name, in: registry, sql)
        guard let text = row.lifecyclePolicy else { throw Refusal.lifecyclePolicyNotFound(row.repository) }
        return (row.repository, (text, try LifecycleQueries.evaluatedAt(row.repository.id, sql)))
    }

    /// What a policy does to the present images.
    func plan(
        _ policy: LifecyclePolicy, for repository: Repository
    ) async throws -> (plan: LifecyclePlan, now: Timestamp) {
        // Pulls of the last seconds count, too.
        await pullTimes.flush()
        let now = clock.due
        let images = try await database.read { try LifecycleQueries.images(in: repository.id, $0) }
        return (policy.plan(for: images, at: now), now)
    }

    /// Does the steps in their order. Returns those that were done.
    private func carryOut(
        _ steps: [LifecyclePlan.Step], under policy: String, in repository: Repository
    ) async throws -> [LifecyclePlan.Step] {
        var done: [LifecyclePlan.Step] = []
        for start in stride(from: 0, to: steps.count, by: Self.batch) {
            let batch = Array(steps[start..<min(start + Self.batch, steps.count)])
            let now = clock.now
            let told = try await database.write { sql in
                // A policy that was changed or deleted during the run stops it.
                guard try LifecycleQueries.policy(of: repository.id, sql) == policy else { return [Told]() }
                return try batch.compactMap { try Self.carryOut($0, in: repository, at: now, sql) }
            }
            images.manifestCache.forget(repository.id)
            for one in told { one.events.forEach(events.emit) }
            done += told.map(\.step)
        }
        return done
    }

    /// A step that was done, and its events.
    private struct Told {
        let step: LifecyclePlan.Step
        let events: [Event]
    }

    private static func carryOut(
        _ step: LifecyclePlan.Step, in repository: Repository, at now: Timestamp, _ sql: any SQLConnection
    ) throws -> Told? {
        let digest = step.image.digest
        guard let image = try LifecycleQueries.image(digest, in: repository.id, sql), step.stillHolds(for: image) else {
            return nil
        }
        switch step.action {
        case .expire:
            guard try ImageTable.lists(naming: digest, in: repository.id, sql).isEmpty else { return nil }
            let ids = try ImageTable.ids(of: digest, in: repository.id, sql)
            guard try ImageTable.remove(digest, in: repository.id, sql) else { return nil }
            let isReferrer = image.subject != nil
            return Told(
                step: step,
                events: ids.map { .image(.delete, $0, in: repository, isReferrer: isReferrer) })
        case .archive:
            guard try StorageClassQueries.activeLists(naming: digest, in: repository.id, sql).isEmpty,
                try ImageTable.archive(digest, in: repository.id, at: now, sql)
            else { return nil }
            return Told(step: step, events: try moved(digest, in: repository, sql))
        }
    }

    private func tell(_ run: LifecycleRun) {
        audit.note(run)
        Counter(label: "weir_lifecycle_runs_total", dimensions: [("outcome", "done")]).increment()
        let expired = run.steps.count(where: { $0.action == .expire })
        for (action, count) in [("expire", expired), ("archive", run.steps.count - expired)] where count > 0 {
            Counter(label: "weir_lifecycle_images_total", dimensions: [("action", action)]).increment(by: count)
        }
        events.emit(
            Event(
                .maintenance, in: run.repository.registry, resources: [run.repository.arn],
                [
                    "result": "SUCCESS", "repository-name": "\(run.repository.name)", "action-type": "LIFECYCLE",
                    "expired": .integer(Int64(expired)), "archived": .integer(Int64(run.steps.count - expired)),
                    "kept": .integer(Int64(run.kept.count)),
                    "changed-meanwhile": .integer(Int64(run.changedMeanwhile.count)),
                ]))
        logger.info(
            "Lifecycle policy carried out",
            metadata: [
                "registry": "\(run.repository.registry)", "repository.name": "\(run.repository.name)",
                "expired": .stringConvertible(expired), "archived": .stringConvertible(run.steps.count - expired),
                "kept": .stringConvertible(run.kept.count),
                "changed": .stringConvertible(run.changedMeanwhile.count),
            ])
    }
}

extension LifecyclePlan.Step {
    /// False where the image has changed since the plan: it has other tags, was pushed again, came from the archive or went
    /// there, or was pulled although it was to be archived.
    fileprivate func stillHolds(for now: LifecycleImage) -> Bool {
        now.tags == image.tags && now.pushedAt == image.pushedAt && now.status == image.status
            && now.archivedAt == image.archivedAt && now.activatedAt == image.activatedAt
            && (action == .expire || now.pulledAt == image.pulledAt)
    }
}
