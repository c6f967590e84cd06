import WeirCore

/// What temporary credentials of users are refused, whatever policies say: IAM, and most of STS. Sessions of roles are not
/// limited so.
enum SessionReach {
    /// GetSessionToken's. The operations that refuse temporary credentials in their own words are here too.
    private static let ofSessionTokens: Set = ["GetCallerIdentity", "AssumeRole", "GetSessionToken", "GetFederationToken"]
    private static let ofFederatedUsers: Set = ["GetCallerIdentity", "GetSessionToken", "GetFederationToken"]

    static func permit(_ caller: Caller, _ service: AWSService, _ operation: String) throws(Refusal) {
        guard caller.session != nil, service == .iam || service == .sts else { return }
        switch caller.kind {
        case .user, .root:
            if service == .sts, ofSessionTokens.contains(operation) { return }
        case .federatedUser:
            if service == .sts, ofFederatedUsers.contains(operation) { return }
        case .roleSession, .service, .webIdentity, .anonymous: return
        }
        throw Refusal(.credentialsUnknown, "The security token included in the request is invalid")
    }
}
