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

    /// The partition that the first versions of this server wrote, which knew only three. Clients still hold such ARNs, and
    /// stored content is bound to them.
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

/// A registry: one account in one region. It does not see another registry's rules, templates and repositories.
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

    /// `arn` as the first versions of this server wrote it: with a partition of the three that they knew.
    package static func formerARN(_ arn: String) -> String {
        guard arn.hasPrefix("arn:aws-iso") || arn.hasPrefix("arn:aws-eusc:"), let end = arn.dropFirst(4).firstIndex(of: ":")
        else {
            return arn
        }
        return "arn:aws" + arn[end...]
    }
}
