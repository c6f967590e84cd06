/// How a repository's content is sealed. Chosen when it is created, and never changed.
package enum Encryption: Hashable, Sendable {
    /// A key that the server manages, one for each registry.
    case aes256
    /// A KMS key, by its full ARN.
    case kms(keyARN: String)

    /// ECR's word for it.
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
