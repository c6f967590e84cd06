import Synchronization
import WeirCore

/// What repositories know about blobs, as of the database's last write: exact, since any write makes it forget everything.
///
/// A pull asks for its layers one after the other, and a rollout asks for the same ones from a hundred nodes; between two writes all of
/// that is one question for each layer.
final class StandingMemory: Sendable {
    struct Key: Hashable, Sendable {
        let repository: Int64
        let digest: Digest
    }

    private static let capacity = 4096

    private struct State {
        var version: UInt64?
        var known: [Key: BlobTable.Standing] = [:]
    }

    private let state = Mutex(State())

    /// - Parameter version: the database's, read before.
    func standing(_ key: Key, at version: UInt64?) -> BlobTable.Standing? {
        guard let version else { return nil }
        return state.withLock { $0.version == version ? $0.known[key] : nil }
    }

    /// - Parameter version: the database's before the row was read.
    func remember(_ standing: BlobTable.Standing, _ key: Key, at version: UInt64?) {
        guard let version else { return }
        state.withLock { state in
            if let present = state.version, present > version { return }
            if state.version != version || state.known.count >= Self.capacity {
                state.version = version
                state.known.removeAll(keepingCapacity: true)
            }
            state.known[key] = standing
        }
    }
}
