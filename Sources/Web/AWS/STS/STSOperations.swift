import WeirCore
package import WeirIdentity

/// STS, and the one iam operation that Terraform calls first. The other operations' rows refuse by name.
package enum STSOperations {
    package static func table(
        sessions: Sessions, accessKeys: AccessKeys, messages: AuthorizationMessages
    ) -> [AWSOperation] {
        [
            AWSOperation(.sts, "GetCallerIdentity", may: .none) { call in
                [
                    "Account": .string(call.caller.account.description), "Arn": .string(call.caller.principalARN),
                    "UserId": .string(call.caller.userID),
                ]
            },
            AWSOperation(.iam, "GetUser", may: .own { $0.caller.principalARN }) { call in try user(call, accessKeys) },
        ]
            + AssumeRoleOperations(sessions: sessions).table + SessionOperations(sessions: sessions, accessKeys: accessKeys).table
            + AuthorizationMessageOperations(messages: messages).table
            + notYet.map { refused($0, of: .sts, "STS") } + IAMOperations.notYet.map { refused($0, of: .iam, "IAM") }
    }

    /// Operations that this server does not have: refused by name, so that no client tries again or takes it for a misspelt name.
    package static let notYet = ["AssumeRoleWithSAML", "AssumeRoot", "GetDelegatedAccessToken", "GetWebIdentityToken"]

    private static func refused(_ name: String, of service: AWSService, _ noun: String) -> AWSOperation {
        AWSOperation(service, name, may: .none) { _ in
            throw Refusal(.unsupported, "This server does not have the \(noun) operation \(name) yet.")
        }
    }

    /// The caller itself. There are no other users here than the account's root.
    private static func user(_ call: AWSCall, _ accessKeys: AccessKeys) throws -> JSONValue {
        if let name = try call.input.optionalString("UserName", length: 1...128) {
            throw Refusal(.noSuchEntity, "The user with name \(name) cannot be found.")
        }
        return [
            "User": .members([
                "Path": "/",
                "Arn": .string(call.caller.principalARN),
                "UserId": .string(call.caller.userID),
                "CreateDate": .moment(accessKeys.createdAt(call.accessKeyID) ?? call.now),
            ])
        ]
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
