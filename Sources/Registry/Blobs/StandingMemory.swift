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

    private static let capacity = 4096

    private struct State {
        var version: UInt64?
        var known: [Key: BlobTable.Standing] = [:]
    }

    private struct Load: Hashable, Sendable {
        let key: Key
        let version: UInt64
    }

    private let state = Mutex(State())
    private let loads = SharedLoads<Load, BlobTable.Standing>()

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
            if state.version != version || state.known.count >= Self.capacity {
                state.version = version
                state.known.removeAll(keepingCapacity: true)
            }
            state.known[key] = standing
        }
    }
}

/// The scopes told so far: each is the hash of a name, which is not for every pull. There is one for each key of each registry.
final class ScopeMemory: Sendable {
    private struct Key: Hashable {
        let encryption: Encryption
        let registry: RegistryID
    }

    private let known = Mutex<[Key: String]>([:])

    func scope(_ encryption: Encryption, in registry: RegistryID, _ tell: () -> String) -> String {
        let key = Key(encryption: encryption, registry: registry)
        return known.withLock { known in
            if let scope = known[key] { return scope }
            let scope = tell()
            known[key] = scope
            return scope
        }
    }
}
