/// What IAM demands of a `Resource` in the policy of an identity.
enum IdentityResource {
    /// What IAM's own resources begin with.
    static let paths = [
        "user/", "federated-user/", "role/", "group/", "instance-profile/", "mfa/", "server-certificate/", "policy/",
        "sms-mfa/", "saml-provider/", "oidc-provider/", "report/", "access-report/",
    ]

    /// What S3 has in a region, by the beginning of its name. Buckets have none.
    private static let regionalOfS3 = [
        "accesspoint/", "access-grants/", "job/", "storage-lens/", "storage-lens-group/", "async-request/",
    ]

    private static let partitions: Set<Substring> = [
        "aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc", "*",
    ]

    /// An ARN that IAM's older parser cannot split: an empty service, or too few colons around an empty part. Texts that `fault`
    /// names are no ARNs for it.
    static func isBroken(_ resource: String) -> Bool {
        guard resource != "*", fault(of: resource) == nil else { return false }
        let parts = resource.split(separator: ":", omittingEmptySubsequences: false)
        return parts.count > 2 && parts[2].isEmpty || parts.count < 6 && resource.contains("::")
    }

    /// What is wrong with the resource; nil if it may stand in a policy.
    static func fault(of resource: String) -> PolicyFault.Kind? {
        guard resource != "*" else { return nil }
        let parts = resource.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        guard parts.count > 1, parts[0] == "arn" else { return .resourceFormat(resource) }
        guard partitions.contains(parts[1]) else {
            return .partition(String(parts[1]), resource: whole(parts))
        }
        guard parts.count > 2 else { return .resourceVendor }
        let region = parts.count > 3 ? parts[3] : ""
        let name = parts.count > 5 ? parts[5] : ""
        switch parts[2] {
        case "iam":
            if !region.isEmpty || parts.count < 5 { return .region(of: resource) }
            let isKnown = name == "*" || name == "root" || paths.contains { name.hasPrefix($0) }
            return isKnown ? nil : .resourcePath
        case "s3":
            let isRegional = !region.isEmpty || parts.count < 5
            return isRegional && !regionalOfS3.contains { name.hasPrefix($0) } ? .regionOfBucket(resource) : nil
        case let service where service.contains("*") || service.contains("?"): return .resourceVendor
        default: return nil
        }
    }

    /// The ARN as IAM repeats it: parts that it lacks are `*`.
    private static func whole(_ parts: [Substring]) -> String {
        let rest = parts.dropFirst(2)
        let service = rest.first.map { $0.isEmpty && rest.count == 1 ? "*" : String($0) } ?? "*"
        let others = (1...3).map { place in place < rest.count ? String(rest[rest.startIndex + place]) : "*" }
        return "arn:\(parts[1]):\(service):" + others.joined(separator: ":")
    }
}
