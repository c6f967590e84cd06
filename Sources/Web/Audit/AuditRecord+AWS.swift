import WeirCore

/// What the AWS door knows of a call when it has answered: filled as the answer is made.
struct AWSTrail: Sendable {
    var caller: Caller?
    /// The key that has signed; nil until that is proved.
    var accessKeyID: String?
    /// The key that whoever asks says is theirs. Anybody can say so.
    var claimedKeyID: String?
    var registry: RegistryID?
    var input: Parameters?
    var output: JSONValue?
    var warnings: [String] = []

    mutating func take(_ signed: AWSAuthentication.Signed) {
        (caller, accessKeyID) = (signed.caller, signed.accessKeyID)
        registry = RegistryID(account: signed.caller.account, region: signed.region)
    }
}

extension AuditRecord {
    /// nil for a request that nobody signed.
    init?(_ trail: AWSTrail, _ target: AWSTarget, requestID: String, error: AWSError?) {
        guard trail.claimedKeyID != nil, let service = target.service else { return nil }
        // What reads answers with content; what seals answers with it too.
        let showsAnswer = (service == .ecr || service == .weir) && !Self.isReadOnly(target.operation)
        self.init(
            service: service, operation: target.operation, caller: trail.caller, accessKeyID: trail.accessKeyID,
            registry: trail.registry, requestID: requestID, parameters: trail.input?.document ?? [:],
            response: showsAnswer ? trail.output : nil, error: error.map { ($0.code, $0.message) },
            claimedKeyID: trail.caller == nil ? trail.claimedKeyID : nil)
    }
}
