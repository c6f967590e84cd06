/// What a caller wants to do: what a decision is about.
package struct AuthorizationRequest: Sendable {
    package let caller: Caller
    /// Such as `ecr:BatchGetImage`.
    package let action: String
    /// The action's service, in lower case.
    let service: String
    /// The resource's ARN, or `*` for an action that has none.
    package let resource: String
    /// Whose resource it is.
    package let owner: AccountID
    /// The resource's own policy must allow what is done to it: a KMS key, or a role that is assumed. The owner's root, too, may
    /// do only what it allows.
    package let isStrict: Bool
    package let context: PolicyContext

    package init(
        caller: Caller, action: String, resource: String, owner: AccountID, isStrict: Bool = false, context: PolicyContext
    ) {
        self.caller = caller
        self.action = action
        service = action.utf8.firstIndex(of: UInt8(ascii: ":")).map { String(action[..<$0]).asciiLowercased } ?? ""
        self.resource = resource
        self.owner = owner
        self.isStrict = isStrict
        self.context = context
    }
}
