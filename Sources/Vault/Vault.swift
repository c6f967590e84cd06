package import WeirCore

/// All of the vault's services over one keyring.
package struct Vault: Sendable {
    package let keyring: Keyring
    package let keys: Keys
    package let secrets: Secrets

    /// Reads the keys, and destroys the keys and secrets that are due. Apply `VaultSchema.migrations` before.
    ///
    /// Throws `KeyringError.wrongRootKey` if the root key is not the one that sealed this data.
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
