import WeirCore
package import WeirIdentity

/// The table of STS. The rows of operations that this server does not have refuse by name.
package enum STSOperations {
    package static func table(
        sessions: Sessions, accessKeys: AccessKeys, messages: AuthorizationMessages
    ) -> [AWSOperation] {
        [
            AWSOperation(.sts, "GetCallerIdentity", may: .none) { call in
                let caller = call.caller.seen(in: call.registry.region)
                return [
                    "Account": .string(caller.account.description), "Arn": .string(caller.principalARN),
                    "UserId": .string(caller.userID),
                ]
            }
        ]
            + AssumeRoleOperations(sessions: sessions).table + SessionOperations(sessions: sessions, accessKeys: accessKeys).table
            + AuthorizationMessageOperations(messages: messages).table
            + notYet.map(refused)
    }

    /// Operations that this server does not have: refused by name, so that no client tries again or takes it for a misspelt name.
    package static let notYet = ["AssumeRoleWithSAML", "AssumeRoot", "GetDelegatedAccessToken", "GetWebIdentityToken"]

    private static func refused(_ name: String) -> AWSOperation {
        AWSOperation(.sts, name, may: .none) { _ in
            throw Refusal(.unsupported, "This server does not have the STS operation \(name) yet.")
        }
    }
}

extension SessionCredentials {
    /// STS's structure: the one answer in which the secret stands.
    var json: JSONValue {
        [
            "AccessKeyId": .string(accessKeyID), "SecretAccessKey": .string(secretAccessKey),
            "SessionToken": .string(sessionToken),
            "Expiration": .moment(expiresAt),
        ]
    }
}
