import Crypto
package import WeirCore
import WeirText

/// Names the key that seals a repository's content. `Keyring` holds the bytes.
package enum SealingKey: Hashable, Sendable {
    /// The server's managed key of a registry (ECR's AES256).
    case registry(RegistryID)
    /// A KMS key, by its full ARN.
    case kms(arn: String)

    package init(_ encryption: Encryption, in registry: RegistryID) {
        switch encryption {
        case .aes256: self = .registry(registry)
        case .kms(let arn): self = .kms(arn: arn)
        }
    }

    /// The same key by the one ARN form that content is bound to and keys are held by, whichever partition its ARN was written
    /// with.
    var canonical: SealingKey {
        switch self {
        case .registry: self
        case .kms(let arn): .kms(arn: RegistryID.formerARN(arn))
        }
    }

    /// The key's name in blob paths: `aes256-…` or `kms-…` and 16 hexadecimal digits of a SHA-256, safe in a path.
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
