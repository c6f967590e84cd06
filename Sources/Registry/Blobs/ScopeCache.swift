import Synchronization
import WeirCore

/// The scopes told so far: each is the hash of a name, which is not for every pull. There is one for each key of each registry.
final class ScopeCache: Sendable {
    private struct Key: Hashable {
        let encryption: Encryption
        let registry: RegistryID
    }

    private let known = Mutex(BoundedMap<Key, String>(capacity: 8192))

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
