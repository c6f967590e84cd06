import WeirCore
import WeirIdentity
import WeirRegistry

/// One call of one caller, as CloudTrail records it (docs/ecr.md, "Events and the audit"): who did what, to what, from where, and
/// with what result.
struct AuditRecord: Sendable {
    /// The service of the call, `ecr` for example.
    let service: AWSService
    /// The operation; for the `/v2/` door the corresponding ECR operation.
    let operation: String
    /// Nil where no identity was proved.
    let caller: Caller?
    let accessKeyID: String?
    /// The registry of the call; nil where it is not known.
    let registry: RegistryID?
    let requestID: String
    let parameters: JSONValue
    /// The answer to a change; nil for an operation that reads.
    let response: JSONValue?
    let error: (code: String, message: String)?
    /// The access key that a caller named and could not prove. It is recorded, but as no identity.
    var claimedKeyID: String?
    /// Who made a call without a signature: nil until the token is verified.
    var webIdentity: WebIdentity?
    var isOfWebIdentity = false
    /// Why policies denied it.
    var denial: AuthorizationDenial?
    /// The statement that allowed or denied the call; nil where none decided it.
    var decision: AuditDecision?

    /// The record as one JSON object.
    ///
    /// - Parameter sharedID: where another account has a record of the same call.
    func document(id: String, at time: Timestamp, from origin: RequestOrigin, sharedID: String? = nil) -> JSONValue {
        let registry = self.registry
        return .members([
            "eventVersion": "1.11", "userIdentity": identity, "eventTime": .string(time.iso8601),
            "eventSource": .string(service == .weir ? "weir" : "\(service.rawValue).amazonaws.com"),
            "eventName": .string(operation),
            "awsRegion": registry.map { .string("\($0.region)") },
            "sourceIPAddress": origin.address.map { .string($0) },
            "userAgent": origin.userAgent.map { .string(String($0.prefix(512))) },
            "errorCode": error.map { .string($0.code) }, "errorMessage": error.map { .string($0.message) },
            "requestParameters": AuditRedaction.shown(parameters),
            "responseElements": response.map { AuditRedaction.shown($0) } ?? .null,
            "additionalEventData": claimedKeyID.map { ["claimedAccessKeyId": .string($0)] }
                ?? webIdentity?.tokenID.map { ["webIdentityTokenId": .string($0)] },
            "requestID": .string(requestID), "eventID": .string(id), "readOnly": .bool(isReadOnly),
            "resources": resources, "eventType": "AwsApiCall", "managementEvent": true,
            "recipientAccountId": registry.map { .string("\($0.account)") }, "eventCategory": "Management",
            "weirDecision": denial?.audited ?? decision?.audited,
            "traceId": TraceContext.current.map { .string($0.traceID) }, "sharedEventID": sharedID.map { .string($0) },
        ])
    }

    private var identity: JSONValue {
        if isOfWebIdentity { return webIdentity.map { UserIdentity.of($0) } ?? ["type": "WebIdentityUser"] }
        guard let caller else { return .members(["type": "Unknown", "accessKeyId": accessKeyID.map { .string($0) }]) }
        return UserIdentity.of(caller, accessKeyID: accessKeyID)
    }

    /// The account of a role that a caller of another account has assumed: it has a record of its own.
    var assumedAccount: AccountID? {
        guard service == .sts, operation == "AssumeRole", error == nil, let caller,
            case .string(let arn)? = parameters["RoleArn"],
            let role = RoleARN(arn), role.account != caller.account
        else { return nil }
        return role.account
    }

    /// The same call as the account of the assumed role sees it.
    func document(of account: AccountID, _ own: JSONValue, id: String) -> JSONValue {
        guard let caller, case .object(var members) = own else { return own }
        members["userIdentity"] = UserIdentity.abroad(caller)
        members["eventID"] = .string(id)
        members["recipientAccountId"] = .string("\(account)")
        return .object(members)
    }

    private var resources: JSONValue? {
        guard service == .ecr, let registry, case .string(let name)? = parameters["repositoryName"],
            let name = try? RepositoryName(name)
        else { return nil }
        return [
            ["ARN": .string(registry.arn("ecr", "repository/\(name)")), "accountId": .string("\(registry.account)")]
        ]
    }

    private var isReadOnly: Bool { Self.isReadOnly(operation) }

    /// Whether an operation changes nothing, by its name: AWS's names are regular.
    static func isReadOnly(_ operation: String) -> Bool {
        let verbs = [
            "Get", "BatchGet", "BatchCheck", "List", "Describe", "Validate", "Encrypt", "Decrypt", "GenerateData", "Explain",
            "Check", "Export", "Test",
        ]
        return verbs.contains { operation.hasPrefix($0) }
    }
}

/// The policy that decided a call, and its statement: by Sid, else by its number, from 1.
struct AuditDecision: Sendable, Equatable {
    let policy: String
    let sid: String?

    init(_ decider: AuthorizationDecision.Decider) {
        policy = decider.policy.text
        sid = decider.sid ?? "\(decider.index + 1)"
    }

    /// Of a refusal by policy; nil for any other error, and where no statement denied it.
    init?(_ error: any Error) {
        guard let refusal = error as? Refusal, refusal.reason == .accessDenied, let policy = refusal.facts["weir.policy"] else {
            return nil
        }
        self.policy = policy
        sid = refusal.facts["weir.sid"]
    }

    /// `weirDecision` of a record.
    var audited: JSONValue { .members(["policy": .string(policy), "sid": sid.map { .string($0) }]) }
}

/// What an audit record may show of a call.
enum AuditRedaction {
    /// Members with secrets or with content, wherever they occur.
    private static let hidden: Set<String> = [
        "secretstring", "secretbinary", "plaintext", "ciphertextblob", "layerpartblob", "authorizationtoken", "password",
        "downloadurl", "randompassword", "privatekeyplaintext", "accesstoken", "secretaccesskey", "sessiontoken",
        "webidentitytoken", "encodedmessage",
    ]
    /// Bounds for a policy or a manifest: a record that is a page long is not read.
    private static let maxText = 1_024
    private static let maxItems = 100

    static func shown(_ value: JSONValue) -> JSONValue {
        switch value {
        case .object(let members):
            .object(
                members.reduce(into: [:]) { shown, member in
                    shown[member.key] =
                        hidden.contains(member.key.lowercased()) ? "HIDDEN_DUE_TO_SECURITY_REASONS" : self.shown(member.value)
                })
        case .array(let values): .array(values.prefix(maxItems).map(shown))
        case .string(let text) where text.utf8.count > maxText: .string(String(text.prefix(maxText)) + "…")
        default: value
        }
    }
}
