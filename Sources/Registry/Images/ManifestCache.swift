import NIOCore
import Synchronization
import WeirCore

/// The manifests that are asked for again and again, opened and in memory, by repository and reference.
///
/// Exact: each commit that changes a repository's images is followed by `forget`, and a read that began before a change cannot
/// bring back what it saw. Bounded in bytes.
final class ManifestCache: Sendable {
    struct Entry: Sendable {
        let digest: Digest
        let mediaType: String
        let bytes: ByteBuffer
        /// When upstream was last asked about this tag. Nil where upstream has no say: in a digest, and in a tag that a client
        /// pushed or a replication copied.
        var checkedAt: Timestamp?
    }

    private struct Key: Hashable {
        let repository: Int64
        let epoch: UInt64
        let reference: Reference
    }

    /// Larger ones are read from the database each time.
    private static let largestManifest = 256 * 1024

    private struct State {
        var entries = BoundedMap<Key, Entry>(capacity: 32 * 1024 * 1024) { $0.bytes.readableBytes }
        /// Of each repository with entries: the generation in which they began. To forget them is to forget that number: entries
        /// of an earlier epoch are never found again, and give way to others.
        var epochs = BoundedMap<Int64, UInt64>(capacity: 20_000)
        /// Counts the changes: a reader that saw an older number may not remember what it read.
        var generation: UInt64 = 0

        mutating func key(_ reference: Reference, in repository: Int64) -> Key? {
            epochs[repository].map { Key(repository: repository, epoch: $0, reference: reference) }
        }
    }

    private let state = Mutex(State())

    var generation: UInt64 { state.withLock { $0.generation } }

    func entry(_ reference: Reference, in repository: Int64) -> Entry? {
        state.withLock { state in state.key(reference, in: repository).flatMap { state.entries[$0] } }
    }

    /// - Parameter generation: what `generation` was before the database was read.
    func remember(_ entry: Entry, as reference: Reference, in repository: Int64, since generation: UInt64) {
        guard entry.bytes.readableBytes <= Self.largestManifest else { return }
        state.withLock { state in
            guard state.generation == generation else { return }
            let epoch = state.epochs[repository] ?? generation
            state.epochs[repository] = epoch
            state.entries[Key(repository: repository, epoch: epoch, reference: reference)] = entry
        }
    }

    /// Call it after a commit that changed nothing but when upstream was last asked about a tag. What was pushed meanwhile is not
    /// asked about.
    func noteChecked(_ reference: Reference, in repository: Int64, checkedAt: Timestamp) {
        state.withLock { state in
            state.generation += 1
            guard let key = state.key(reference, in: repository), var entry = state.entries[key], entry.checkedAt != nil else {
                return
            }
            entry.checkedAt = checkedAt
            state.entries[key] = entry
        }
    }

    /// Call it after every other commit that changed the repository's images or tags.
    func forget(_ repository: Int64) {
        state.withLock { state in
            state.generation += 1
            state.epochs[repository] = nil
        }
    }
}
