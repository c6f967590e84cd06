import Crypto
package import WeirCore

/// Encryption and decryption with KMS keys, for users.
extension Keys {
    /// Seals `plain`. Decryption needs the same `context`.
    package func encrypt(
        _ plain: [UInt8], with name: String, context: [String: String], in registry: RegistryID
    ) async throws -> (ciphertext: [UInt8], key: KMSKey) {
        let key = try await resolve(name, in: registry)
        return (try seal(plain, with: key, context), key)
    }

    /// Opens what `encrypt` sealed. If `name` is given, it must name the key that sealed it.
    package func decrypt(
        _ ciphertext: [UInt8], with name: String?, context: [String: String], in registry: RegistryID
    ) async throws -> (plain: [UInt8], key: KMSKey) {
        let box = try Ciphertext(ciphertext)
        if let name {
            let key = try await resolve(name, in: registry)
            guard key.id == box.keyID else {
                throw Refusal(
                    .kmsIncorrectKey, "The key ID in the request does not identify a CMK that can perform this operation.")
            }
        }
        try await settle()
        let found = try await database.read { sql in try KeyTable.find(box.keyID, in: registry, sql) }
        guard let key = found else { throw Refusal.ciphertextOfAnother }
        guard let material = try keyring.material(ofKMSKey: key.arn, version: box.materialVersion) else {
            throw Refusal.ciphertextInvalid
        }
        do {
            let binding = Ciphertext.binding(arn: key.arn, context: context)
            return (try SealedValue.open(box.sealed, with: material, binding: binding), key)
        } catch {
            throw Refusal.ciphertextInvalid
        }
    }

    /// A new random key of `size` bytes, in plain and sealed form.
    package func generateDataKey(
        size: Int, with name: String, context: [String: String], in registry: RegistryID
    ) async throws -> (plain: [UInt8], ciphertext: [UInt8], key: KMSKey) {
        let key = try await resolve(name, in: registry)
        let plain = Self.randomBytes(size)
        return (plain, try seal(plain, with: key, context), key)
    }

    package static func randomBytes(_ count: Int) -> [UInt8] {
        SymmetricKey(size: SymmetricKeySize(bitCount: count * 8)).withUnsafeBytes { Array($0) }
    }

    private func seal(_ plain: [UInt8], with key: KMSKey, _ context: [String: String]) throws -> [UInt8] {
        let material = try keyring.material(ofKMSKey: key.arn)
        let binding = Ciphertext.binding(arn: key.arn, context: context)
        let sealed = try SealedValue.seal(plain, with: material.bytes, binding: binding)
        return Ciphertext(keyID: key.id, materialVersion: material.version, sealed: sealed).bytes
    }
}
