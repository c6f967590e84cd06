import Synchronization
import WeirCore

/// The warm jobs since the program started, and their progress.
final class WarmJobs: Sendable {
    /// With more jobs than this, those that have ended are forgotten, the oldest first.
    private static let remembered = 100
    /// Jobs that may run in one registry at once: each holds up to 1,000 images.
    private static let mostRunning = 16

    private struct Entry {
        let registry: RegistryID
        var job: WarmJob
        /// Fills under way, by the image's number: their bytes count as they land.
        var fills: [Int: [Fill]] = [:]

        var now: WarmJob {
            var job = job
            for (number, fills) in fills {
                job.images[number].bytesDone.add(fills.map(\.progress.landed).total)
            }
            return job
        }
    }

    /// Oldest first.
    private let entries = Mutex<[Entry]>([])

    /// Throws `.throttled` where too many jobs run in the registry already.
    func begin(_ images: [WarmImage], in registry: RegistryID, at now: Timestamp) throws(Refusal) -> WarmJob {
        let job = WarmJob(
            id: RandomID.uuid(), startedAt: now, endedAt: nil, images: images.map { WarmJob.Progress($0) })
        let isTaken = entries.withLock { entries in
            guard entries.count(where: { $0.registry == registry && !$0.job.isFinished }) < Self.mostRunning else { return false }
            entries.append(Entry(registry: registry, job: job))
            while entries.count > Self.remembered, let old = entries.firstIndex(where: { $0.job.isFinished }) {
                entries.remove(at: old)
            }
            return true
        }
        guard isTaken else {
            throw Refusal(
                .throttled, "\(Self.mostRunning) warmings go on in this registry already. Wait for one to end",
                retryAfter: .seconds(30))
        }
        return job
    }

    func job(_ id: String, in registry: RegistryID) -> WarmJob? {
        entries.withLock { $0.last { $0.job.id == id && $0.registry == registry }?.now }
    }

    /// The newest first.
    func jobs(in registry: RegistryID) -> [WarmJob] {
        entries.withLock { $0.reversed().filter { $0.registry == registry }.map(\.now) }
    }

    func began(_ fill: Fill, of id: String, _ number: Int) {
        change(id) { $0.fills[number, default: []].append(fill) }
    }

    /// The caller counts its bytes as done; they count no more as they land.
    func ended(_ fill: Fill, of id: String, _ number: Int) {
        change(id) { $0.fills[number]?.removeAll { $0 === fill } }
    }

    func change(_ id: String, _ number: Int, _ body: (inout WarmJob.Progress) -> Void) {
        change(id) { body(&$0.job.images[number]) }
    }

    func end(_ id: String, at now: Timestamp) { change(id) { $0.job.endedAt = now } }

    private func change(_ id: String, _ body: (inout Entry) -> Void) {
        entries.withLock { entries in
            guard let index = entries.lastIndex(where: { $0.job.id == id }) else { return }
            body(&entries[index])
        }
    }
}
