package import Logging
import ServiceLifecycle
import Synchronization
package import WeirCore

/// When images were last pulled: noted in memory, and written every few seconds. So a pull never waits for the write lock.
package final class PullTimes: Service {
    private struct Key: Hashable {
        let repository: Int64
        let digest: Digest
    }

    private let database: any SQLDatabase
    private let settings: RegistrySettings
    private let clock: WallClock
    private let interval: Duration
    private let logger: Logger
    private let noted = Mutex<[Key: Timestamp]>([:])

    package init(
        database: any SQLDatabase, settings: RegistrySettings, clock: WallClock, interval: Duration = .seconds(5),
        logger: Logger
    ) {
        self.database = database
        self.settings = settings
        self.clock = clock
        self.interval = interval
        self.logger = logger
    }

    /// Notes a pull, unless the registry excludes the caller's pulls from being recorded.
    func note(_ digest: Digest, in repository: Repository, by caller: Caller) async throws {
        guard try await settings.records(pullsOf: caller, in: repository.registry) else { return }
        note(digest, in: repository.id)
    }

    private func note(_ digest: Digest, in repository: Int64) {
        let now = clock.now
        noted.withLock { $0[Key(repository: repository, digest: digest)] = now }
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown { [self] in
            while !Task.isCancelled {
                try? await Task.sleep(for: interval)
                await flush()
            }
        }
        await flush()
    }

    /// Writes what has been noted. What cannot be written is kept for the next time.
    package func flush() async {
        let batch = noted.withLock { noted in
            defer { noted = [:] }
            return noted
        }
        guard !batch.isEmpty else { return }
        do {
            try await database.write { sql in
                for (key, moment) in batch {
                    try ImageTable.pulled(key.digest, in: key.repository, at: moment, sql)
                }
            }
        } catch {
            logger.log(
                level: .warning.unlessStopping(error), "Pull times could not be written", metadata: ["error": "\(error)"])
            noted.withLock { $0.merge(batch) { newer, _ in newer } }
        }
    }
}
