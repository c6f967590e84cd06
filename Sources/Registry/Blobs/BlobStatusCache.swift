import Synchronization
import WeirCore

/// What repositories know about blobs, as of the database's last write. It is exact, since any write makes it forget everything.
///
/// A pull asks for its layers one after the other, and a rollout asks for the same layers from a hundred nodes: between two
/// writes the database is asked once for each layer.
final class BlobStatusCache: Sendable {
    struct Key: Hashable, Sendable {
        let repository: Int64
        let digest: Digest
    }

    private struct State {
        var version: UInt64?
        var known = BoundedMap<Key, BlobTable.BlobStatus>(capacity: 8192)
    }

    private struct Load: Hashable, Sendable {
        let key: Key
        let version: UInt64
    }

    private let state = Mutex(State())
    private let loads = CallerSingleFlight<Load, BlobTable.BlobStatus>()

    /// - Parameter version: the database's, read before the call.
    func status(_ key: Key, at version: UInt64?) -> BlobTable.BlobStatus? {
        guard let version else { return nil }
        return state.withLock { $0.version == version ? $0.known[key] : nil }
    }

    /// Reads the row, once for all callers at the same version, and remembers it.
    ///
    /// - Parameter version: the database's, read before the call.
    func load(
        _ key: Key, at version: UInt64?, _ read: () async throws -> BlobTable.BlobStatus
    ) async throws -> BlobTable.BlobStatus {
        guard let version else { return try await read() }
        let status = try await loads.value(for: Load(key: key, version: version), read)
        remember(status, key, at: version)
        return status
    }

    private func remember(_ status: BlobTable.BlobStatus, _ key: Key, at version: UInt64) {
        state.withLock { state in
            if let present = state.version, present > version { return }
            if state.version != version {
                state.version = version
                state.known.removeAll()
            }
            state.known[key] = status
        }
    }
}
