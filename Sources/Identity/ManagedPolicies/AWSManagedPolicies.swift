import Crypto
package import WeirCore

/// The managed policies that AWS keeps for all accounts, of those that concern this server. None of them can be changed.
package enum AWSManagedPolicies {
    package struct Policy: Sendable, Hashable {
        /// `/`, or `/service-role/`.
        package let path: String
        package let name: String
        /// The number of AWS's own version, the only one here.
        package let version: Int64
        package let createdAt: Timestamp
        package let changedAt: Timestamp
        package let text: String

        init(_ path: String, _ name: String, version: Int64, created: Int64, changed: Int64, _ text: String) {
            self.path = path
            self.name = name
            self.version = version
            createdAt = Timestamp(seconds: created)
            changedAt = Timestamp(seconds: changed)
            self.text = text
        }

        /// `arn:aws:iam::aws:policy/PATH/NAME`.
        package func arn(partition: String = "aws") -> String { "arn:\(partition):iam::aws:policy\(path)\(name)" }

        /// An id of the form that IAM gives managed policies. It is made from the ARN, since AWS does not publish its own.
        package var id: String { EntityID.of(.policy, SHA256.hash(data: Array(arn().utf8)).prefix(17)) }

        package static func == (one: Policy, other: Policy) -> Bool { one.path == other.path && one.name == other.name }

        package func hash(into hasher: inout Hasher) { hasher.combine(name) }
    }

    /// By ARN, in any partition; nil for a text that is none of theirs, or is spelled in another case.
    package static func policy(arn: String) -> Policy? {
        guard let name = ManagedPolicyARN(arn), name.account == nil else { return nil }
        return byPlace[name.path + name.name]
    }

    private static let byPlace = Dictionary(all.map { ($0.path + $0.name, $0) }) { first, _ in first }
}

/// The ARN of a managed policy: `arn:aws:iam::ACCOUNT:policy/PATH/NAME`, or AWS's `arn:aws:iam::aws:policy/PATH/NAME`.
package struct ManagedPolicyARN: Sendable, Hashable {
    /// Nil for AWS's own.
    package let account: AccountID?
    package let path: String
    package let name: String

    /// In any partition of AWS. Nil if the text is no such ARN.
    package init?(_ text: String) {
        let parts = text.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        guard parts.count == 6, parts[0] == "arn", parts[1] == "aws" || parts[1].hasPrefix("aws-"), parts[2] == "iam",
            parts[3].isEmpty, parts[5].hasPrefix("policy/"), let slash = parts[5].lastIndex(of: "/")
        else { return nil }
        if parts[4] == "aws" {
            account = nil
        } else {
            guard let owner = try? AccountID(String(parts[4])) else { return nil }
            account = owner
        }
        path = String(parts[5].dropFirst("policy".count)[...slash])
        name = String(parts[5][parts[5].index(after: slash)...])
        guard !name.isEmpty else { return nil }
    }

    /// In `partition`. The one in `aws` is how this room's tables write it, whatever partition a caller wrote.
    package func text(partition: String = "aws") -> String {
        "arn:\(partition):iam::\(account?.description ?? "aws"):policy\(path)\(name)"
    }
}
