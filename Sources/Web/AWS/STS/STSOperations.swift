import WeirCore
package import WeirIdentity

/// sts GetCallerIdentity, and the one iam operation that Terraform calls first. The other operations' rows refuse by name.
package enum STSOperations {
    package static func table(accessKeys: AccessKeys) -> [AWSOperation] {
        [
            AWSOperation(.sts, "GetCallerIdentity", may: .none) { call in
                [
                    "Account": .string(call.caller.account.description), "Arn": .string(call.caller.principalARN),
                    "UserId": .string(call.caller.userID),
                ]
            },
            AWSOperation(.iam, "GetUser", may: .own { $0.caller.principalARN }) { call in try user(call, accessKeys) },
        ]
            + notYet.map { refused($0, of: .sts, "STS") } + IAMOperations.notYet.map { refused($0, of: .iam, "IAM") }
    }

    /// Operations that this server does not have: refused by name, so that no client tries again or takes it for a misspelt name.
    package static let notYet = [
        "AssumeRole", "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity", "AssumeRoot", "DecodeAuthorizationMessage",
        "GetAccessKeyInfo", "GetDelegatedAccessToken", "GetFederationToken", "GetSessionToken", "GetWebIdentityToken",
    ]

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
