import Crypto
import WeirCore

/// A KMS key in memory: its bytes, in every version, and whether they may be used.
struct HeldKey: Sendable {
    var key: KMSKey
    var materials: [Int64: SymmetricKey]

    /// When something is to be done to the key although nobody asks: destroy it, or rotate it.
    var due: Timestamp? {
        key.state == .enabled ? key.rotation?.next : key.deletionAt
    }
}

/// Bytes that seal, and their version.
struct Material: Sendable {
    let version: Int64
    let bytes: SymmetricKey
}
