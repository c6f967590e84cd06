/// The AWS services that this server answers for, by their signing names.
package enum AWSService: String, Sendable, CaseIterable {
    case ecr, kms, secretsmanager, sts, iam

    /// What stands before the dot in `X-Amz-Target`.
    package var targetPrefix: String? {
        switch self {
        case .ecr: "AmazonEC2ContainerRegistry_V20150921"
        case .kms: "TrentService"
        case .secretsmanager: "secretsmanager"
        case .sts: "AWSSecurityTokenServiceV20110615"
        case .iam: nil
        }
    }

    /// The namespace of its XML answers, for the two that speak Query.
    package var xmlNamespace: String {
        switch self {
        case .sts: "https://sts.amazonaws.com/doc/2011-06-15/"
        case .iam: "https://iam.amazonaws.com/doc/2010-05-08/"
        case .ecr, .kms, .secretsmanager: "https://\(rawValue).amazonaws.com/"
        }
    }
}
