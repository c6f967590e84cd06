import Logging
package import WeirCore

extension Lifecycle {
    /// Begins a preview of this policy, or of the repository's own, and drops the one before. Returns the policy's text.
    ///
    /// Throws `repositoryNotFound`, `lifecyclePolicyNotFound`, `lifecyclePreviewInProgress`.
    package func startPreview(
        of text: String?, for name: RepositoryName, in registry: RegistryID
    ) async throws -> String {
        if let text { _ = try LifecyclePolicy(checking: text) }
        let now = clock.now
        let policy = try await database.write { sql in
            let row = try RepositoryTable.existing(name, in: registry, sql)
            guard let policy = text ?? row.lifecyclePolicy else {
                throw Refusal.lifecyclePolicyNotFound(row.repository)
            }
            guard try LifecyclePreviewTable.begin(row.repository.id, policy: policy, at: now, sql) else {
                throw Refusal.lifecyclePreviewInProgress(row.repository)
            }
            return policy
        }
        wakeUp()
        return policy
    }

    /// A page of the last preview's results; with `ids`, the results for these images.
    ///
    /// Throws `repositoryNotFound`, `lifecyclePreviewNotFound`, and `invalidParameter` for a malformed id.
    package func preview(
        for name: RepositoryName, in registry: RegistryID, ids: [ImageIDRequest]? = nil, _ filter: TagStatus = .any,
        after cursor: String? = nil, limit: Int = 100
    ) async throws -> LifecyclePreview {
        try await database.read { sql in
            let repository = try RepositoryTable.existing(name, in: registry, sql).repository
            guard let row = try LifecyclePreviewTable.find(repository.id, sql) else {
                throw Refusal.lifecyclePreviewNotFound(repository)
            }
            let page: Page<LifecyclePreview.Result>
            if let ids {
                page = Page(items: try Self.results(for: ids, of: repository.id, filter, sql), next: nil)
            } else {
                let found = try LifecyclePreviewTable.results(
                    of: repository.id, filter, after: cursor.flatMap { Int64($0) } ?? -1, limit: limit + 1, sql)
                let places = Page(found, limit: limit) { "\($0.target)" }
                page = Page(items: places.items.map(\.result), next: places.next)
            }
            return LifecyclePreview(
                policyText: row.policy, status: row.status, results: page,
                summary: try LifecyclePreviewTable.summary(of: repository.id, sql))
        }
    }

    private static func results(
        for ids: [ImageIDRequest], of repository: Int64, _ filter: TagStatus, _ sql: any SQLConnection
    ) throws -> [LifecyclePreview.Result] {
        var results: [LifecyclePreview.Result] = []
        for id in ids {
            // A missing image has no result; a malformed id is refused.
            try id.checkForm()
            guard case .found(let digest, _) = try id.find(in: repository, sql),
                let result = try LifecyclePreviewTable.result(for: digest, of: repository, sql),
                !results.contains(result), filter == .any || result.tags.isEmpty == (filter == .untagged)
            else { continue }
            results.append(result)
        }
        return results
    }

    /// Makes a preview that was begun. A failure becomes its status.
    func finishPreview(of target: LifecycleQueries.Target) async {
        do {
            let repository = try await repositories.row(target.name, in: target.registry).repository
            let row = try await database.read { try LifecyclePreviewTable.find(repository.id, $0) }
            guard let row, row.status == .inProgress else { return }
            let outcome = await found(by: row.policy, in: repository)
            let now = clock.now
            try await database.write { sql in
                try LifecyclePreviewTable.finish(repository.id, outcome.status, outcome.results, at: now, sql)
            }
        } catch {
            logger.log(
                level: .error.unlessStopping(error), "A lifecycle preview could not be kept; it is made again",
                metadata: ["repository.name": "\(target.name)", "error": "\(error)"])
        }
    }

    private func found(
        by text: String, in repository: Repository
    ) async -> (status: LifecyclePreview.Status, results: [LifecyclePreview.Result]) {
        do {
            let policy = try LifecyclePolicy(checking: text)
            let (plan, now) = try await plan(policy, for: repository)
            audit.note(
                LifecycleRun(
                    repository: repository, policy: policy, mode: .dryRun, evaluatedAt: now, steps: plan.steps,
                    kept: plan.kept, changedMeanwhile: []))
            return (.complete, plan.steps.map(LifecyclePreview.Result.init))
        } catch {
            logger.log(
                level: .error.unlessStopping(error), "A lifecycle preview failed",
                metadata: ["repository.name": "\(repository.name)", "error": "\(error)"])
            return (.failed, [])
        }
    }
}

extension LifecyclePreview.Result {
    init(_ step: LifecyclePlan.Step) {
        self.init(
            digest: step.image.digest, tags: step.image.tags, pushedAt: step.image.pushedAt,
            storageClass: step.image.storageClass ?? .archive, action: step.action, priority: step.priority)
    }
}

extension Refusal {
    fileprivate static func lifecyclePreviewInProgress(_ repository: Repository) -> Refusal {
        Refusal(
            .lifecyclePreviewInProgress,
            "A lifecycle policy preview is in progress for the repository with name '\(repository.name)' "
                + "in the registry with id '\(repository.registry.account)'. Try again when it has completed")
    }

    fileprivate static func lifecyclePreviewNotFound(_ repository: Repository) -> Refusal {
        Refusal(
            .lifecyclePreviewNotFound,
            "There is no lifecycle policy preview for the repository with name '\(repository.name)' "
                + "in the registry with id '\(repository.registry.account)'")
    }
}
