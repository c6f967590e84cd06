import WeirCore

// A secret's value in its row: a data key of its own, wrapped by the secret's KMS key, and the value sealed by it.
//
//     ┌──────────────────┬───────────────────┬──────────────────────────────────────────────────┐
//     │ length, 2 bytes, │ the wrapped data  │ `SealedValue` of `SecretValue.encoded`, bound to  │
//     │ big-endian       │ key (`Keyring`)   │ the secret's ARN and the version's id             │
//     └──────────────────┴───────────────────┴──────────────────────────────────────────────────┘
//
// A value that is moved to another version or secret does not open there.

struct SecretSeal: Sendable {
    let keyring: Keyring

    func seal(
        _ value: SecretValue, under kmsKeyARN: String, of arn: String, version: String
    ) throws -> [UInt8] {
        let key = try keyring.generateDataKey(under: .kms(arn: kmsKeyARN))
        let sealed = try SealedValue.seal(value.encoded, with: key.key, binding: Self.binding(arn, version))
        var bytes: [UInt8] = []
        bytes.append(bigEndian: UInt16(truncatingIfNeeded: key.wrapped.count))
        return bytes + key.wrapped + sealed
    }

    /// Throws `unableToDecryptSecretValue` if the KMS key may not be used or the bytes differ from what was sealed.
    func open(_ row: SecretVersionTable.Row, of secret: Secret) throws(Refusal) -> SecretValue {
        do {
            guard row.sealed.count > 2 else { throw SealError.damaged }
            let end = 2 + (Int(row.sealed[0]) << 8 | Int(row.sealed[1]))
            guard end <= row.sealed.count else { throw SealError.damaged }
            let key = try keyring.unwrap(Array(row.sealed[2..<end]), under: .kms(arn: row.kmsKeyARN))
            let plain = try SealedValue.open(
                Array(row.sealed[end...]), with: key, binding: Self.binding(secret.arn, row.id))
            return try SecretValue(encoded: plain)
        } catch let refusal as Refusal {
            throw Refusal(
                .unableToDecryptSecretValue,
                "Secrets Manager can't decrypt the protected secret text of \(secret.name) using the provided KMS key: \(refusal.message)"
            )
        } catch {
            throw Refusal(
                .unableToDecryptSecretValue,
                "The stored value of the secret \(secret.name) is damaged: put a new one.", facts: ["seal.error": "\(error)"])
        }
    }

    private static func binding(_ arn: String, _ version: String) -> String { "secret-value/\(arn)/\(version)" }
}
