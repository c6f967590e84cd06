import Logging
import Metrics
import ServiceLifecycle
package import WeirCore

/// Copies pushed images to the registries that replication rules name. All of them are in this server: another region of the same
/// account, or another account whose registry policy lets the source replicate.
///
/// The push itself orders the copy, in its own transaction, so that neither a restart nor a full disk loses one; the copy is made
/// here afterwards. As in ECR, the tags of that push go along, a copy is not copied on, and deletes are not copied. Cached images
/// are not copied either: the other registry can have a rule of its own.
package final class Replication: Service {
    /// Copies at once: each keeps at most one ingest's window in memory.
    static let atOnce = 4
    /// Tries of a copy that fails on this server. Only for a full disk it waits without limit.
    static let maxAttempts = 8
    /// How often copies are looked for that must be tried again.
    private static let interval: Duration = .seconds(15)

    let parts: Registry.Parts
    let repositories: Repositories
    let images: Images
    let blobs: Blobs
    let creation: RepositoryCreation
    let access: Access
    private let signal: ReplicationSignal

    init(
        _ parts: Registry.Parts, repositories: Repositories, images: Images, blobs: Blobs, creation: RepositoryCreation,
        access: Access, signal: ReplicationSignal
    ) {
        self.parts = parts
        self.repositories = repositories
        self.images = images
        self.blobs = blobs
        self.creation = creation
        self.access = access
        self.signal = signal
    }

    /// The progress of an image's copies, by destination. Empty where no rule covered the image when it was pushed.
    package func statuses(
        of digest: Digest, in name: RepositoryName, of registry: RegistryID
    ) async throws -> [ReplicationStatus] {
        let repository = try await images.repositories.existing(name, in: registry)
        return try await parts.database.read { try ReplicationTable.statuses(of: digest, in: repository.id, $0) }
    }

    package func run() async throws {
        signal.ring()
        await cancelWhenGracefulShutdown { [self] in
            await withTaskGroup(of: Void.self) { group in
                group.addTask { [signal] in
                    while !Task.isCancelled {
                        try? await Task.sleep(for: Self.interval)
                        signal.ring()
                    }
                }
                for await _ in signal.rings { await makeDueCopies() }
                group.cancelAll()
            }
        }
    }

    /// Makes every copy whose time has come.
    package func makeDueCopies() async {
        while !Task.isCancelled {
            do {
                let now = parts.clock.now
                let due = try await parts.database.read {
                    try ReplicationTable.due(at: now, limit: Self.atOnce, $0)
                }
                guard !due.isEmpty else { return }
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for item in due { group.addTask { [self] in try await make(item) } }
                    try await group.waitForAll()
                }
            } catch {
                // The database failed: the next ring tries again.
                parts.logger.log(
                    level: .warning.unlessStopping(error), "Replication has to wait", metadata: ["error": "\(error)"])
                return
            }
        }
    }

    private func make(_ item: ReplicationTable.Item) async throws {
        do {
            try await copy(item)
            try await end(item, failure: nil, because: nil)
        } catch let error where Task.isCancelled || error is CancellationError {
            throw CancellationError()
        } catch let refusal as Refusal where refusal.reason.endsReplication {
            try await end(item, failure: refusal.replicationCode, because: refusal.message)
        } catch  where item.attempts + 1 >= Self.maxAttempts && (error as? Refusal)?.reason != .storageFull {
            try await end(item, failure: (error as? Refusal)?.replicationCode ?? "InternalFailure", because: "\(error)")
        } catch {
            let due = parts.clock.now + .seconds(1 << min(item.attempts, Self.maxAttempts))
            log(.warning, "Replication failed and is tried again", item, "\(error)")
            try await parts.database.write { try ReplicationTable.postpone(item, until: due, $0) }
        }
    }

    private func end(_ item: ReplicationTable.Item, failure: String?, because reason: String?) async throws {
        try await parts.database.write { try ReplicationTable.finish(item, failure: failure, $0) }
        let outcome = failure == nil ? "complete" : "failed"
        Counter(label: "weir_replications_total", dimensions: [("outcome", outcome)]).increment()
        if let reason { log(.warning, "Replication failed", item, reason) }
        for tag in item.tags.isEmpty ? [nil] : item.tags.map(Optional.some) {
            parts.events.emit(.replicated(item, tag: tag, failure: failure))
        }
    }

    private func log(_ level: Logger.Level, _ message: Logger.Message, _ item: ReplicationTable.Item, _ reason: String) {
        parts.logger.log(
            level: level, message,
            metadata: [
                "repository.name": "\(item.name)", "image.digest": "\(item.digest)", "registry": "\(item.source)",
                "replication.destination": "\(item.destination)", "error": "\(reason)",
            ])
    }
}

extension Refusal.Reason {
    /// Another try would not help: an operator or a user must change something first.
    fileprivate var endsReplication: Bool {
        switch self {
        case .accessDenied, .templateFailed, .imageTagAlreadyExists, .kmsKeyNotFound, .kmsKeyDisabled, .kmsGrantRevoked,
            .kmsInvalidState, .limitExceeded, .contentDamaged, .imageNotFound:
            true
        default: false
        }
    }
}

extension Refusal {
    /// AWS publishes no list of these: they are the names of its exceptions.
    fileprivate var replicationCode: String {
        switch reason {
        case .accessDenied: "AccessDenied"
        case .templateFailed: "TemplateFailed"
        case .imageTagAlreadyExists: "ImageTagAlreadyExists"
        case .kmsKeyNotFound, .kmsKeyDisabled, .kmsInvalidState, .kmsGrantRevoked: "KmsError"
        case .limitExceeded: "LimitExceeded"
        case .storageFull: "StorageFull"
        case .storageUnavailable: "StorageUnavailable"
        case .contentDamaged, .imageNotFound, .layersNotFound: "ImageInaccessible"
        default: "InternalFailure"
        }
    }
}

extension Event {
    fileprivate static func replicated(_ item: ReplicationTable.Item, tag: Tag?, failure: String?) -> Event {
        Event(
            .replicationAction, in: item.destination,
            resources: [item.destination.arn("ecr", "repository/\(item.name)")],
            [
                "result": failure == nil ? "SUCCESS" : "FAILED", "repository-name": "\(item.name)",
                "image-digest": "\(item.digest)", "source-account": "\(item.source.account)", "action-type": "REPLICATE",
                "source-region": "\(item.source.region)", "image-tag": tag.map { "\($0)" },
                "failure-code": failure.map { .string($0) },
            ])
    }
}
