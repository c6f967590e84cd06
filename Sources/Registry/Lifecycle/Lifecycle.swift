import Logging
import Metrics
import ServiceLifecycle
import WeirCore

/// Lifecycle policies: carried out, previewed, and run on a schedule; and the archive, to which they move images (docs/ecr.md,
/// "How a lifecycle policy is carried out").
///
/// A request is written down before it is answered, so that a restart forgets neither a preview nor an image on its way back.
package final class Lifecycle: Service {
    package struct Settings: Sendable {
        /// Time within which an image that meets a rule is dealt with: ECR's 24 hours. Nil: only by command.
        package var interval: Duration?

        package init(interval: Duration? = .seconds(24 * 3600)) { self.interval = interval }

        /// How often due repositories are looked for: often enough that a new policy does not wait long, and an old one is not
        /// late.
        var period: Duration? {
            interval.map { min(max($0 / 24, .milliseconds(200)), .seconds(3600)) }
        }
    }

    /// How long a preview's results are kept.
    static let previewLife = Duration.seconds(24 * 3600)

    let settings: Settings
    let database: any SQLDatabase
    let repositories: Repositories
    let images: Images
    let pullTimes: PullTimes
    let clock: WallClock
    let logger: Logger
    let events: any EventSink
    let audit: LifecycleAudit
    let permit: DestructionPermit
    private let (wishes, wish) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

    init(_ parts: Registry.Parts, repositories: Repositories, images: Images, pullTimes: PullTimes) {
        settings = parts.lifecycle
        database = parts.database
        self.repositories = repositories
        self.images = images
        self.pullTimes = pullTimes
        clock = parts.clock
        logger = parts.logger
        events = parts.events
        audit = LifecycleAudit(sink: parts.auditLines)
        permit = parts.destruction
    }

    /// Makes previews and brings images back on request, and carries out due policies.
    package func run() async throws {
        await cancelWhenGracefulShutdown { [self] in
            await withDiscardingTaskGroup { group in
                group.addTask { [self] in
                    await doErrands()
                    for await _ in wishes { await doErrands() }
                }
                if let period = settings.period { group.addTask { [self] in await keepSchedule(every: period) } }
            }
        }
    }

    /// Makes `run` look for errands now.
    func wakeUp() { wish.yield() }

    /// Makes the requested previews, and brings back the requested images. `run` calls it by itself.
    package func doErrands() async {
        do {
            // Work that changes images comes before work that looks at them: a run that follows finds what the preview found.
            try await finishActivations()
            for target in try await database.read(LifecyclePreviewTable.open) { await finishPreview(of: target) }
        } catch {
            logger.log(
                level: .error.unlessStopping(error), "Lifecycle errands failed; they are tried again",
                metadata: ["error": "\(error)"])
        }
    }

    private func keepSchedule(every period: Duration) async {
        while !Task.isCancelled {
            try? await Task.sleep(for: period)
            if Task.isCancelled { return }
            wakeUp()
            await runDue()
        }
    }

    /// Carries out the due policies of every registry. `run` calls it by itself.
    package func runDue() async {
        guard let interval = settings.interval, let period = settings.period else { return }
        if let refusal = await permit.refusal() {
            logger.debug("Lifecycle policies wait", metadata: ["reason": "\(refusal.message)"])
            return
        }
        let now = clock.due
        let since = now + (period - interval)
        let old = now + (.zero - Self.previewLife)
        do {
            try await database.write { try LifecyclePreviewTable.expire(before: old, $0) }
            let due = try await database.read { try LifecycleQueries.due(since: since, $0) }
            for target in due {
                if Task.isCancelled { return }
                await runDue(target)
            }
        } catch {
            logger.log(
                level: .error.unlessStopping(error), "Lifecycle policies could not be looked for", metadata: ["error": "\(error)"]
            )
        }
    }

    /// One repository's failure does not stop the others.
    private func runDue(_ target: LifecycleQueries.Target) async {
        do {
            _ = try await run(target.name, in: target.registry, .real)
        } catch {
            Counter(label: "weir_lifecycle_runs_total", dimensions: [("outcome", "failed")]).increment()
            logger.log(
                level: .error.unlessStopping(error), "A lifecycle policy could not be carried out",
                metadata: [
                    "registry": "\(target.registry)", "repository.name": "\(target.name)", "error": "\(error)",
                ])
        }
    }
}
