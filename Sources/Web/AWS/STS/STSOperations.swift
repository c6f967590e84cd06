import WeirCore
package import WeirIdentity

/// Who am I: sts GetCallerIdentity, and the one iam operation that Terraform asks first.
package enum STSOperations {
    package static func table(accessKeys: AccessKeys) -> [AWSOperation] {
        [
            AWSOperation(.sts, "GetCallerIdentity") { call in
                [
                    "Account": .string(call.caller.account.description), "Arn": .string(call.caller.principalARN),
                    "UserId": .string(call.caller.userID),
                ]
            },
            AWSOperation(.iam, "GetUser") { call in try user(call, accessKeys) },
        ]
    }

    /// The caller itself. Other users than the account's root do not exist here.
    private static func user(_ call: AWSCall, _ accessKeys: AccessKeys) throws -> JSONValue {
        if let name = try call.input.optionalString("UserName", length: 1...128) {
            throw Refusal(.userNotFound, "The user with name \(name) cannot be found.")
        }
        return [
            "User": .members([
                "Path": "/",
                "Arn": .string(call.caller.principalARN),
                "UserId": .string(call.caller.userID),
                "CreateDate": .string((accessKeys.createdAt(call.accessKeyID) ?? call.now).iso8601),
            ])
        ]
    }
}
