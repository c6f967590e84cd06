import Crypto
package import WeirCore

/// A KMS key as users see it: everything but its bytes, which only the `Keyring` holds.
package struct KMSKey: Sendable, Hashable {
    package enum State: String, Sendable, CaseIterable {
        /// May be used. Leaves to `.disabled` and `.pendingDeletion` when the user says so.
        case enabled = "Enabled"
        /// Seals and opens nothing. Leaves to `.enabled` and `.pendingDeletion`.
        case disabled = "Disabled"
        /// Seals and opens nothing, and is destroyed at `deletionAt`. Leaves to `.disabled` when the deletion is cancelled.
        case pendingDeletion = "PendingDeletion"
    }

    package enum Manager: String, Sendable {
        case customer = "CUSTOMER"
        /// Made by the server on first use, as `alias/aws/ecr`. Users can see and use it, not change it.
        case aws = "AWS"
    }

    /// Yearly, or as the user set: a new version of the key's bytes seals from then on, the older ones still open.
    package struct Rotation: Sendable, Hashable {
        package static let daysAllowed = 90...2560
        package static let defaultDays = 365

        package let days: Int
        package let next: Timestamp

        package init(days: Int, next: Timestamp) {
            self.days = days
            self.next = next
        }
    }

    /// A UUID.
    package let id: String
    package let registry: RegistryID
    package var state: State
    package var description: String
    package let manager: Manager
    package var policy: String
    package var rotation: Rotation?
    package let createdAt: Timestamp
    package var deletionAt: Timestamp?
    /// The version of its bytes that seals now.
    var material: Int64
    /// Counts its changes.
    var revision: Int64

    package var arn: String { registry.arn("kms", "key/\(id)") }

    /// A version of the key's bytes: the first, or what a rotation made.
    package struct Material: Sendable, Hashable {
        package let version: Int64
        package let createdAt: Timestamp
        /// A user asked for it; else its time had come.
        package let isOnDemand: Bool

        package var isFirst: Bool { version == 1 }
    }

    /// What KMS calls `KeyMaterialId`: 64 hexadecimal digits that name a version of this key's bytes and tell nothing of them.
    package func materialID(version: Int64) -> String {
        Hex.encode(SHA256.hash(data: Array("kms-material-id/\(arn)/\(version)".utf8)))
    }

    /// The version that seals now.
    package var currentMaterialID: String { materialID(version: material) }

    /// The version that sealed what `Encrypt` or `GenerateDataKey` handed out under this key; nil for what they did not.
    package func materialID(sealing ciphertext: [UInt8]) -> String? {
        (try? Ciphertext(ciphertext)).map { materialID(version: $0.materialVersion) }
    }

    /// Throws the refusal that AWS gives for a key that may not be used now.
    package func checkUsable() throws(Refusal) {
        switch state {
        case .enabled: return
        case .disabled: throw .keyDisabled(arn)
        case .pendingDeletion: throw .keyPendingDeletion(arn)
        }
    }
}

extension Refusal {
    static func keyDisabled(_ arn: String) -> Self { Refusal(.kmsKeyDisabled, "\(arn) is disabled.") }
    static func keyPendingDeletion(_ arn: String) -> Self { Refusal(.kmsInvalidState, "\(arn) is pending deletion.") }
    static func keyMissing(_ arn: String) -> Self { Refusal(.kmsKeyNotFound, "Key '\(arn)' does not exist") }
}
