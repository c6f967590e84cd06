import WeirCore

/// The managed policy that is the boundary of a user or role.
enum PermissionsBoundary {
    /// The ARN as it is stored, in the partition `aws`.
    ///
    /// Throws IAM's refusal where it is none of a managed policy that the account can use: AWS's, or one of its own.
    static func resolve(_ arn: String, for account: AccountID, _ sql: any SQLConnection) throws -> String {
        let parts = arn.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        guard parts.count == 6, parts[0] == "arn", parts[2] == "iam", parts[3].isEmpty, parts[5].hasPrefix("policy/"),
            parts[4] == "aws" || (try? AccountID(String(parts[4]))) != nil
        else { throw Refusal(.iamInvalidInput, "ARN \(arn) is not valid.") }
        let stored = "arn:aws:iam::\(parts[4]):\(parts[5])"
        guard parts[4] == "aws" || parts[4] == account.description, try PrincipalQueries.managed(stored, sql) != nil else {
            throw Refusal(.noSuchEntity, "Scope ARN: \(arn) does not exist or is not attachable.")
        }
        return stored
    }
}
