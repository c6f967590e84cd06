import Synchronization
import WeirCore

/// What repositories know about blobs, as of the database's last write. It is exact, since any write makes it forget everything.
///
/// A pull asks for its layers one after the other, and a rollout asks for the same layers from a hundred nodes: between two
/// writes the database is asked once for each layer.
final class StandingMemory: Sendable {
    struct Key: Hashable, Sendable {
        let repository: Int64
        let digest: Digest
    }

    private struct State {
        var version: UInt64?
        var known = BoundedMap<Key, BlobTable.Standing>(capacity: 8192)
    }

    private struct Load: Hashable, Sendable {
        let key: Key
        let version: UInt64
    }

    private let state = Mutex(State())
    private let loads = CallerSingleFlight<Load, BlobTable.Standing>()

    /// - Parameter version: the database's, read before the call.
    func standing(_ key: Key, at version: UInt64?) -> BlobTable.Standing? {
        guard let version else { return nil }
        return state.withLock { $0.version == version ? $0.known[key] : nil }
    }

    /// Reads the row, once for all callers at the same version, and remembers it.
    ///
    /// - Parameter version: the database's, read before the call.
    func load(
        _ key: Key, at version: UInt64?, _ read: () async throws -> BlobTable.Standing
    ) async throws -> BlobTable.Standing {
        guard let version else { return try await read() }
        let standing = try await loads.value(for: Load(key: key, version: version), read)
        remember(standing, key, at: version)
        return standing
    }

    private func remember(_ standing: BlobTable.Standing, _ key: Key, at version: UInt64) {
        state.withLock { state in
            if let present = state.version, present > version { return }
            if state.version != version {
                state.version = version
                state.known.removeAll()
            }
            state.known[key] = standing
        }
    }
}
