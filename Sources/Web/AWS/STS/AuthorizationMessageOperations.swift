import WeirCore
import WeirIdentity

/// What the header of a denial holds, for those who may read it.
struct AuthorizationMessageOperations: Sendable {
    let messages: AuthorizationMessages

    var table: [AWSOperation] {
        [AWSOperation(.sts, "DecodeAuthorizationMessage", may: .account) { call in try decode(call) }]
    }

    private func decode(_ call: AWSCall) throws -> JSONValue {
        guard let message = messages.open(try call.encodedMessage(), of: call.caller.account) else {
            throw Refusal(.invalidAuthorizationMessage, "Message is not valid")
        }
        return ["DecodedMessage": .string(message)]
    }
}
