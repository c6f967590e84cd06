/// An AWS account: twelve digits. ECR calls the same number `registryId`.
package struct AccountID: Hashable, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ text: String) throws(NameError) {
        guard text.utf8.count == 12, text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else {
            throw NameError("account id", text, "is not twelve digits")
        }
        description = text
    }
}

/// An AWS Region, as in the SigV4 scope and in ARNs: `us-east-1`.
package struct Region: Hashable, Sendable, CustomStringConvertible {
    package let description: String

    /// The pattern is that of the ECR model, `[0-9a-z-]{2,25}`.
    package init(_ text: String) throws(NameError) {
        guard (2...25).contains(text.utf8.count),
            text.utf8.allSatisfy({ ($0 >= 0x30 && $0 <= 0x39) || ($0 >= 0x61 && $0 <= 0x7a) || $0 == 0x2d })
        else {
            throw NameError("region", text, "is not 2 to 25 of the characters a-z, 0-9 and -")
        }
        description = text
    }

    /// The AWS partition that ARNs of this region carry.
    package var partition: String {
        guard description.hasPrefix("us-iso") || description.hasPrefix("eu-iso") || description.hasPrefix("eusc-") else {
            return formerPartition
        }
        return Self.lesserKnown.first { description.hasPrefix($0.beginning) }?.partition ?? formerPartition
    }

    /// What the first versions of this server wrote in its place: they knew three partitions. ARNs of that time are in clients'
    /// files, and content is bound to them.
    package var formerPartition: String {
        if description.hasPrefix("cn-") { return "aws-cn" }
        if description.hasPrefix("us-gov-") { return "aws-us-gov" }
        return "aws"
    }

    private static let lesserKnown: [(beginning: String, partition: String)] = [
        ("us-iso-", "aws-iso"), ("us-isob-", "aws-iso-b"), ("eu-isoe-", "aws-iso-e"), ("us-isof-", "aws-iso-f"),
        ("eusc-", "aws-eusc"),
    ]
}

/// A registry is an account in a region: rules, templates and repositories of one are not seen in another.
package struct RegistryID: Hashable, Sendable, CustomStringConvertible {
    package let account: AccountID
    package let region: Region

    package init(account: AccountID, region: Region) {
        self.account = account
        self.region = region
    }

    package var description: String { "\(account)/\(region)" }

    /// `arn:aws:SERVICE:REGION:ACCOUNT:RESOURCE` in this registry's account and region.
    package func arn(_ service: String, _ resource: String) -> String {
        "arn:\(region.partition):\(service):\(region):\(account):\(resource)"
    }

    /// The ARN by which the first versions of this server knew a thing: the same, but in the partitions that they did not know.
    package static func formerARN(_ arn: String) -> String {
        guard arn.hasPrefix("arn:aws-iso") || arn.hasPrefix("arn:aws-eusc:"), let end = arn.dropFirst(4).firstIndex(of: ":")
        else {
            return arn
        }
        return "arn:aws" + arn[end...]
    }
}
