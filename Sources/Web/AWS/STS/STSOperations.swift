import WeirCore
package import WeirIdentity
import WeirSigV4

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
            throw AWSError(
                code: "NoSuchEntity", status: 404, message: "The user with name \(name) cannot be found.")
        }
        return [
            "User": .members([
                "Path": "/",
                "Arn": .string(call.caller.principalARN),
                "UserId": .string(call.caller.userID),
                "CreateDate": .string(iso8601(accessKeys.createdAt(call.accessKeyID) ?? call.now)),
            ])
        ]
    }

    /// `2026-01-02T03:04:05Z`, as Query answers write timestamps.
    private static func iso8601(_ moment: Timestamp) -> String {
        var text = ""
        for (index, character) in SigV4Time(seconds: moment.microseconds / 1_000_000).description.enumerated() {
            if index == 4 || index == 6 { text.append("-") }
            if index == 11 || index == 13 { text.append(":") }
            text.append(character)
        }
        return text
    }
}
