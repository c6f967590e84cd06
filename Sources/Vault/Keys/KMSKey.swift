import Crypto
package import WeirCore
import WeirText

/// A KMS key as users see it: everything except its bytes, which only the `Keyring` holds.
package struct KMSKey: Sendable, Hashable {
    package enum State: String, Sendable, CaseIterable {
        /// Usable. Leaves to `.disabled` and `.pendingDeletion` by the user's call.
        case enabled = "Enabled"
        /// Seals and opens nothing. Leaves to `.enabled` and `.pendingDeletion`.
        case disabled = "Disabled"
        /// Seals and opens nothing, and is destroyed at `deletionAt`. Leaves to `.disabled` when the deletion is cancelled.
        case pendingDeletion = "PendingDeletion"
    }

    package enum Manager: String, Sendable {
        case customer = "CUSTOMER"
        /// Created by the server on first use, such as `alias/aws/ecr`. Users can see and use it, but not change it.
        case aws = "AWS"
    }

    /// Yearly, or in the period that the user set. A rotation makes a new version of the key's bytes that seals from then on;
    /// older versions still open.
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
    /// The users and roles that the policy names, as they were when it was saved.
    package var pins = PolicyPins.none
    package var rotation: Rotation?
    package let createdAt: Timestamp
    package var deletionAt: Timestamp?
    /// The version of the key's bytes that seals now.
    var material: Int64
    /// Counts the key's changes.
    var revision: Int64

    package var arn: String { registry.arn("kms", "key/\(id)") }

    /// A version of the key's bytes: the first one, or the result of a rotation.
    package struct Material: Sendable, Hashable {
        package let version: Int64
        package let createdAt: Timestamp
        /// True if a user requested the rotation, false if it was scheduled.
        package let isOnDemand: Bool

        package var isFirst: Bool { version == 1 }
    }

    /// KMS's `KeyMaterialId`: 64 hexadecimal digits that identify a version of this key's bytes and reveal nothing about them.
    package func materialID(version: Int64) -> String {
        Hex.encode(SHA256.hash(data: Array("kms-material-id/\(arn)/\(version)".utf8)))
    }

    /// The version that seals now.
    package var currentMaterialID: String { materialID(version: material) }

    /// The version that sealed this result of `Encrypt` or `GenerateDataKey`; nil for other bytes.
    package func materialID(sealing ciphertext: [UInt8]) -> String? {
        (try? Ciphertext(ciphertext)).map { materialID(version: $0.materialVersion) }
    }

    /// Throws AWS's refusal for a key that may not be used now.
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
