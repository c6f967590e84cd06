import Synchronization
import WeirCore

/// The caps of each rule: requests at a time, requests a second, bytes a second. Every request in the rule's name counts, also
/// one that only fills the cache.
final class Budgets: Sendable {
    private struct Entry {
        var limits: UpstreamLimits
        var semaphore: PrioritySemaphore?
        var requests: Bucket?
        var bytes: Bucket?
    }

    /// The longest wait for a turn. A client would give up long before.
    static let patience: Duration = .seconds(60)

    /// By the rule that owns them: more than there are rules.
    private let entries = Mutex(BoundedMap<String, Entry>(capacity: 10_000))

    /// A permit for one of the rule's connections, and a turn among its requests. Throws `rateLimited` where that would take too
    /// long.
    func turn(for source: UpstreamSource) async throws(UpstreamError) -> PrioritySemaphore.Permit {
        guard source.limits != .none else { return .free }
        let semaphore = entry(of: source) { $0.semaphore }
        var permit = PrioritySemaphore.Permit.free
        if let semaphore {
            let found = try? await within(Self.patience) { try await semaphore.acquire(source.priority) }
            guard let found else { throw Self.busy(source, "its rule's connections are all in use") }
            permit = found
        }
        let wait = entry(of: source) { entry -> Duration in
            guard let wait = entry.requests?.wait(for: 1, at: .now) else { return .zero }
            if wait <= Self.patience { _ = entry.requests?.take(1, at: .now) }
            return wait
        }
        if wait > Self.patience { throw Self.busy(source, "its rule's requests are all spent for now", wait) }
        if wait > .zero {
            do { try await Task.sleep(for: wait) } catch { throw Self.busy(source, "the request was given up") }
        }
        return permit
    }

    /// How long the reader must pause after `count` more bytes.
    func hold(after count: Int, for source: UpstreamSource) -> Duration {
        guard source.limits.bytesPerSecond != nil else { return .zero }
        return entry(of: source) { $0.bytes?.take(Double(count), at: .now) ?? .zero }
    }

    private static func busy(_ source: UpstreamSource, _ detail: String, _ wait: Duration? = nil) -> UpstreamError {
        UpstreamError(.rateLimited, host: source.host, detail, retryAfter: wait ?? .seconds(10), wasAsked: false)
    }

    private func entry<Value: Sendable>(
        of source: UpstreamSource, _ body: (inout Entry) -> Value
    ) -> Value {
        entries.withLock { entries in
            var entry = entries[source.owner] ?? Entry(limits: .none)
            if entry.limits != source.limits { entry = Self.entry(source.limits, after: entry) }
            defer { entries[source.owner] = entry }
            return body(&entry)
        }
    }

    /// The entry for new or changed caps. Requests under way go on, and still count.
    private static func entry(_ limits: UpstreamLimits, after old: Entry) -> Entry {
        var entry = Entry(limits: limits, semaphore: old.semaphore)
        if let count = limits.connections {
            entry.semaphore = old.semaphore ?? PrioritySemaphore(limit: count)
            entry.semaphore?.set(limit: count)
        } else {
            entry.semaphore?.set(limit: .max)
        }
        entry.requests = limits.requestsPerSecond.map { Bucket(rate: $0, at: .now) }
        entry.bytes = limits.bytesPerSecond.map { Bucket(rate: Double($0), at: .now) }
        return entry
    }
}
