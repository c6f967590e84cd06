import NIOCore
import Synchronization
import WeirCore

/// The manifests that are asked for again and again, opened and in memory, by repository and reference.
///
/// Exact: whoever changes a repository's images calls `forget` after the commit, and a read that began before a change cannot
/// bring back what it saw. Bounded in bytes: when full, everything goes and comes back as it is asked for.
final class ManifestMemory: Sendable {
    struct Entry: Sendable {
        let digest: Digest
        let mediaType: String
        let bytes: ByteBuffer
        /// When upstream was last asked about this tag; nil for what is not revalidated.
        var checkedAt: Timestamp?
    }

    /// Larger ones are read from the database each time.
    private static let largestManifest = 256 * 1024
    private static let capacity = 32 * 1024 * 1024

    private struct State {
        var entries: [Int64: [Reference: Entry]] = [:]
        var bytes = 0
        /// Counts the changes: a reader that saw an older number may not remember what it read.
        var generation: UInt64 = 0
    }

    private let state = Mutex(State())

    var generation: UInt64 { state.withLock { $0.generation } }

    func entry(_ reference: Reference, in repository: Int64) -> Entry? {
        state.withLock { $0.entries[repository]?[reference] }
    }

    /// - Parameter generation: what `generation` was before the database was read.
    func remember(_ entry: Entry, as reference: Reference, in repository: Int64, since generation: UInt64) {
        let size = entry.bytes.readableBytes
        guard size <= Self.largestManifest else { return }
        state.withLock { state in
            guard state.generation == generation else { return }
            if state.bytes + size > Self.capacity {
                state.entries = [:]
                state.bytes = 0
            }
            let before = state.entries[repository, default: [:]].updateValue(entry, forKey: reference)
            state.bytes += size - (before?.bytes.readableBytes ?? 0)
        }
    }

    /// Call it after a commit that changed nothing but when upstream was last asked about a tag. What was pushed meanwhile is not
    /// asked about.
    func touch(_ reference: Reference, in repository: Int64, checkedAt: Timestamp) {
        state.withLock { state in
            state.generation += 1
            guard state.entries[repository]?[reference]?.checkedAt != nil else { return }
            state.entries[repository]?[reference]?.checkedAt = checkedAt
        }
    }

    /// Call it after every other commit that changed the repository's images or tags.
    func forget(_ repository: Int64) {
        state.withLock { state in
            state.generation += 1
            guard let gone = state.entries.removeValue(forKey: repository) else { return }
            state.bytes -= gone.values.map(\.bytes.readableBytes).total
        }
    }
}
