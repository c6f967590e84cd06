/// How a repository's content is sealed. Chosen at creation, then fixed.
package enum Encryption: Hashable, Sendable {
    /// The registry's managed key.
    case aes256
    /// A KMS key, by its full ARN.
    case kms(keyARN: String)

    /// ECR's name for it.
    package var type: String {
        switch self {
        case .aes256: "AES256"
        case .kms: "KMS"
        }
    }

    package var keyARN: String? {
        switch self {
        case .aes256: nil
        case .kms(let arn): arn
        }
    }
}
