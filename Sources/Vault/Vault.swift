package import WeirCore

/// The vault as the program opens it: all its services over one keyring.
package struct Vault: Sendable {
    package let keyring: Keyring
    package let keys: Keys
    package let secrets: Secrets

    /// Reads the keys and destroys what was to be destroyed by now. `VaultSchema.migrations` must have been applied.
    ///
    /// Throws `KeyringError.wrongRootKey` where the root key is not the one this data was sealed with.
    package static func open(database: any SQLDatabase, root: RootKey, clock: WallClock) async throws -> Vault {
        let keyring = Keyring(database: database, root: root, clock: clock)
        try await keyring.load()
        let keys = Keys(database: database, keyring: keyring, clock: clock)
        try await keys.settle()
        let secrets = Secrets(database: database, keys: keys, clock: clock)
        try await secrets.settle()
        return Vault(keyring: keyring, keys: keys, secrets: secrets)
    }
}
