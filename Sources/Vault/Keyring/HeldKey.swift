import Crypto
import WeirCore

/// A KMS key in memory: every version of its bytes, and its state.
struct HeldKey: Sendable {
    var key: KMSKey
    var materials: [Int64: SymmetricKey]

    /// When the key is to be rotated or destroyed next; nil if neither is planned.
    var due: Timestamp? {
        key.state == .enabled ? key.rotation?.next : key.deletionAt
    }
}

/// The bytes that seal, and their version.
struct Material: Sendable {
    let version: Int64
    let bytes: SymmetricKey
}
