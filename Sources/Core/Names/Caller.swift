/// Who asks: proved by a signature or a registry token, at the door.
package struct Caller: Hashable, Sendable {
    package let account: AccountID
    /// `arn:aws:iam::ACCOUNT:root`, or a user's or role's ARN.
    package let principalARN: String
    /// The account itself rather than a user or role in it: allowed everything at home that no resource policy denies.
    package let isRoot: Bool
    /// What `sts GetCallerIdentity` calls `UserId`.
    package let userID: String

    package init(account: AccountID, principalARN: String, isRoot: Bool, userID: String) {
        self.account = account
        self.principalARN = principalARN
        self.isRoot = isRoot
        self.userID = userID
    }
}
