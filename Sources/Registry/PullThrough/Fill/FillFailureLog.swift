import Synchronization
import WeirCore

/// Decides which failed fills the log names: the first few blobs of a rule in a minute. One image may name a thousand blobs, and
/// what fails for one of them fails for all.
final class FillFailureLog: Sendable {
    enum Saying: Sendable {
        /// Name the blob. `unnamed` blobs were not named in the minute before.
        case this(unnamed: Int)
        /// Say once that more blobs failed.
        case more
        case nothing
    }

    private static let named = 5
    private static let window: Duration = .seconds(60)

    private struct Entry {
        var since = ContinuousClock.now
        var count = 0
    }

    /// By the rule that owns them; there are fifty rules to a registry.
    private let entries = Mutex(BoundedMap<String, Entry>(capacity: 10_000))

    func failed(_ owner: String) -> Saying {
        let now = ContinuousClock.now
        return entries.withLock { entries in
            var entry = entries[owner] ?? Entry()
            defer { entries[owner] = entry }
            if entry.count > 0, now - entry.since >= Self.window {
                let unnamed = max(0, entry.count - Self.named)
                entry = Entry(since: now, count: 1)
                return .this(unnamed: unnamed)
            }
            entry.count += 1
            if entry.count <= Self.named { return .this(unnamed: 0) }
            return entry.count == Self.named + 1 ? .more : .nothing
        }
    }
}
