/// The AWS services that this server answers for, by their signing names, and its own.
package enum AWSService: String, Sendable, CaseIterable {
    case ecr, kms, secretsmanager, sts, iam
    /// Operations that ECR does not have: signed as for ECR, and told apart by the target (docs/operating.md).
    case weir

    /// The service in the scope of a signature.
    package var signingName: String { self == .weir ? AWSService.ecr.rawValue : rawValue }

    /// Its things belong to the account in all regions, and their ARNs name none.
    var isGlobal: Bool { self == .iam || self == .sts }

    /// What stands before the dot in `X-Amz-Target`.
    package var targetPrefix: String? {
        switch self {
        case .ecr: "AmazonEC2ContainerRegistry_V20150921"
        case .kms: "TrentService"
        case .secretsmanager: "secretsmanager"
        case .sts: "AWSSecurityTokenServiceV20110615"
        case .iam: nil
        case .weir: "Weir_20261122"
        }
    }

    /// The namespace of its XML answers, for the two that speak Query.
    package var xmlNamespace: String {
        switch self {
        case .sts: "https://sts.amazonaws.com/doc/2011-06-15/"
        case .iam: "https://iam.amazonaws.com/doc/2010-05-08/"
        case .ecr, .kms, .secretsmanager, .weir: "https://\(rawValue).amazonaws.com/"
        }
    }
}
