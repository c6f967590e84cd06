import WeirCore
import WeirIdentity

/// The AWS door's facts about a call, filled while the answer is made.
struct AWSTrail: Sendable {
    var caller: Caller?
    /// The key that has signed; nil until the signature is verified.
    var accessKeyID: String?
    /// The key that the caller claims to have. Any caller can claim any key.
    var claimedKeyID: String?
    var registry: RegistryID?
    var input: Parameters?
    var output: JSONValue?
    var warnings: [String] = []
    /// The call has no signature: its operation must be one that needs none.
    var isUnsigned = false
    /// Who made such a call, once it is known.
    var webIdentity: WebIdentity?
    /// Why policies denied it.
    var denial: AuthorizationDenial?
    var decision: AuditDecision?

    mutating func take(_ signed: AWSAuthentication.Signed) {
        (caller, accessKeyID) = (signed.caller, signed.accessKeyID)
        registry = RegistryID(account: signed.caller.account, region: signed.region)
    }
}

extension AuditRecord {
    /// Nil for a request that had to be signed and was not.
    init?(_ trail: AWSTrail, _ target: AWSTarget, requestID: String, error: AWSError?) {
        let isUnsigned = trail.isUnsigned && target.operation == Self.webOperation
        guard trail.claimedKeyID != nil || isUnsigned, let service = target.service else { return nil }
        // Answers of operations that read, seal or open hold content, and are not shown.
        let showsAnswer =
            ((service == .ecr || service == .weir) && !Self.isReadOnly(target.operation))
            || (service == .sts && Self.credentialOperations.contains(target.operation))
        self.init(
            service: service, operation: target.operation, caller: trail.caller, accessKeyID: trail.accessKeyID,
            registry: trail.registry, requestID: requestID, parameters: trail.input?.document ?? [:],
            response: showsAnswer ? trail.output : nil, error: error.map { ($0.code, $0.message) },
            claimedKeyID: trail.caller == nil ? trail.claimedKeyID : nil, decision: trail.decision)
        webIdentity = trail.webIdentity
        isOfWebIdentity = isUnsigned
        denial = trail.denial
    }

    private static let webOperation = "AssumeRoleWithWebIdentity"
    /// Operations that give credentials: who got which is what a record is for. Secret and token are hidden.
    private static let credentialOperations: Set = ["AssumeRole", webOperation, "GetSessionToken", "GetFederationToken"]
}
