import Crypto
package import WeirCore

/// Which key seals a repository's content: named, not held. `Keyring` holds it.
package enum SealingKey: Hashable, Sendable {
    /// The key that the server makes for a registry (ECR's AES256).
    case registry(RegistryID)
    /// A KMS key, by its full ARN.
    case kms(arn: String)

    package init(_ encryption: Encryption, in registry: RegistryID) {
        switch encryption {
        case .aes256: self = .registry(registry)
        case .kms(let arn): self = .kms(arn: arn)
        }
    }

    /// The same, by the ARN that content is bound to and that keys are held by: one key has one, whichever partition is written
    /// in it.
    var canonical: SealingKey {
        switch self {
        case .registry: self
        case .kms(let arn): .kms(arn: RegistryID.formerARN(arn))
        }
    }

    /// The key's name where blobs lie: `aes256-…` or `kms-…` and 16 hexadecimal digits of a SHA-256, safe in a path.
    package var scope: String {
        switch self {
        case .registry(let registry): "aes256-" + Self.shortHash(of: registry.description)
        case .kms(let arn): "kms-" + Self.shortHash(of: RegistryID.formerARN(arn))
        }
    }

    private static func shortHash(of text: String) -> String {
        Hex.encode(SHA256.hash(data: Array(text.utf8)).prefix(8))
    }
}
