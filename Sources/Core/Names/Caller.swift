/// An authenticated caller: proved by a signature or a registry token, at the door.
package struct Caller: Hashable, Sendable {
    package let account: AccountID
    /// `arn:aws:iam::ACCOUNT:root`, or a user's or role's ARN.
    package let principalARN: String
    /// True for the account itself, false for a user or role in it. Root may do everything in its own account that no resource
    /// policy denies.
    package let isRoot: Bool
    /// What `sts GetCallerIdentity` calls `UserId`.
    package let userID: String

    package init(account: AccountID, principalARN: String, isRoot: Bool, userID: String) {
        self.account = account
        self.principalARN = principalARN
        self.isRoot = isRoot
        self.userID = userID
    }

    /// The same caller with its ARN in the partition of `region`: a region's policies and answers use that form.
    package func seen(in region: Region) -> Caller {
        let partition = region.partition
        let rest = principalARN.utf8.dropFirst(4)
        guard principalARN.hasPrefix("arn:"), let end = rest.firstIndex(of: UInt8(ascii: ":")),
            !rest[..<end].elementsEqual(partition.utf8)
        else { return self }
        return Caller(
            account: account, principalARN: "arn:\(partition)\(principalARN[end...])", isRoot: isRoot, userID: userID)
    }
}
