import Crypto
import WeirCore
import WeirText

// The result of `Encrypt`, opaque to clients.
//
//     ┌────────────┬──────────────────────┬──────────────────────────┬───────────────────────────────┐
//     │ version, 1 │ the key's id, 16     │ version of the key's     │ `SealedValue`, bound to the   │
//     │            │ bytes                │ bytes, 4, big-endian     │ key's ARN and the context     │
//     └────────────┴──────────────────────┴──────────────────────────┴───────────────────────────────┘
//
// So `Decrypt` finds the key without being told, and a ciphertext opens only with the encryption context that it was sealed with.

struct Ciphertext {
    private static let version: UInt8 = 1
    private static let prefixSize = 1 + 16 + 4

    let keyID: String
    let materialVersion: Int64
    let sealed: [UInt8]

    init(keyID: String, materialVersion: Int64, sealed: [UInt8]) {
        self.keyID = keyID
        self.materialVersion = materialVersion
        self.sealed = sealed
    }

    init(_ bytes: [UInt8]) throws(Refusal) {
        guard bytes.count > Self.prefixSize, bytes[0] == Self.version else { throw .ciphertextInvalid }
        let hex = Hex.encode(bytes[1..<17])
        var id = ""
        for (index, digit) in hex.enumerated() {
            if [8, 12, 16, 20].contains(index) { id.append("-") }
            id.append(digit)
        }
        keyID = id
        materialVersion = bytes[17..<21].reduce(Int64(0)) { $0 << 8 | Int64($1) }
        sealed = Array(bytes[Self.prefixSize...])
    }

    var bytes: [UInt8] {
        var bytes = [Self.version] + (Hex.decode(keyID.filter { $0 != "-" }) ?? [])
        bytes.append(bigEndian: UInt32(truncatingIfNeeded: materialVersion))
        return bytes + sealed
    }

    /// The authenticated data: equal for equal contexts, whatever the order of their members.
    static func binding(arn: String, context: [String: String]) -> String {
        var text = "kms-ciphertext/\(RegistryID.formerARN(arn))/"
        for (key, value) in context.sorted(by: { Array($0.key.utf8).lexicographicallyPrecedes(Array($1.key.utf8)) }) {
            // With lengths, so that different contexts cannot give the same text.
            text += "\(key.utf8.count):\(key)\(value.utf8.count):\(value)"
        }
        return text
    }
}

extension Refusal {
    /// KMS's own sentence: it does not tell whether the key exists elsewhere.
    static let ciphertextOfAnother = Refusal(
        .accessDenied,
        "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not "
            + "allowed to access.")

    static let ciphertextInvalid = Refusal(
        .kmsInvalidCiphertext,
        "The ciphertext cannot be opened: it was changed, it is not this account's, or its encryption context is another one.")
}
