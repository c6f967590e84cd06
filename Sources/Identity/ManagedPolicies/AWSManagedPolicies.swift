/// The managed policies that AWS keeps for all accounts, of those that concern this server.
package enum AWSManagedPolicies {
    package struct Policy: Sendable {
        package let path: String
        package let name: String
        package let version: Int
        package let text: String

        /// `arn:aws:iam::aws:policy/PATH/NAME`.
        package func arn(partition: String = "aws") -> String { "arn:\(partition):iam::aws:policy\(path)\(name)" }
    }

    package static let all: [Policy] = []

    /// By ARN, in any partition.
    package static func policy(arn: String) -> Policy? {
        let rest = arn.split(separator: ":", maxSplits: 2).last.map(String.init) ?? ""
        return byRest[rest]
    }

    private static let byRest = Dictionary(all.map { ("iam::aws:policy\($0.path)\($0.name)", $0) }) { first, _ in first }
}
