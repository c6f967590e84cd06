import WeirCore
import WeirIdentity
import WeirRegistry

/// Sessions of users and roots, and what a key's id tells.
struct SessionOperations: Sendable {
    let sessions: Sessions
    let accessKeys: AccessKeys

    var table: [AWSOperation] {
        [
            AWSOperation(.sts, "GetSessionToken", may: .none) { call in try await sessionToken(call) },
            AWSOperation(.sts, "GetFederationToken", may: Self.federation) { call in try await federationToken(call) },
            AWSOperation(.sts, "GetAccessKeyInfo", may: .account) { call in try accessKeyInfo(call) },
        ]
    }

    private func sessionToken(_ call: AWSCall) async throws -> JSONValue {
        let seconds = try call.durationSeconds(900...129_600)
        try call.refuseMFA()
        let credentials = try await sessions.sessionToken(
            for: call.caller, accessKeyID: call.accessKeyID, lasting: seconds.map { .seconds($0) }, in: call.registry.region,
            at: call.now)
        return ["Credentials": credentials.json]
    }

    /// The right to the name, and to tags where there are some. Temporary credentials are refused before: no policy gives them
    /// the right.
    private static let federation = OperationPermission.reading { call, action in
        try Sessions.demandLongLived(call.caller, "GetFederationToken")
        let arn = federatedARN(try call.federatedUserName(), call)
        let tags = try call.tags()
        let facts = tags.isEmpty ? [:] : Access.facts(giving: tags)
        return [AccessDemand(action, on: .own(arn, in: call.registry), facts: facts)]
            + (tags.isEmpty ? [] : [AccessDemand("sts:TagSession", on: .own(arn, in: call.registry), facts: facts)])
    }

    private static func federatedARN(_ name: String, _ call: AWSCall) -> String {
        "arn:\(call.settings.home.region.partition):sts::\(call.caller.account):federated-user/\(name)"
    }

    private func federationToken(_ call: AWSCall) async throws -> JSONValue {
        let (name, seconds, policies, tags) = try call.validated(
            { try $0.federatedUserName() }, { try $0.durationSeconds(900...129_600) }, { try $0.sessionPolicies() },
            { try $0.tags() })
        let credentials = try await sessions.federationToken(
            name, for: call.caller, accessKeyID: call.accessKeyID, lasting: seconds.map { .seconds($0) }, policies: policies,
            tags: SessionTags(tags), in: call.registry.region, at: call.now)
        let caller = credentials.caller.seen(in: call.registry.region)
        return [
            "Credentials": credentials.json,
            "FederatedUser": ["FederatedUserId": .string(caller.userID), "Arn": .string(caller.principalARN)],
            "PackedPolicySize": .integer(Int64(credentials.packedPolicySize ?? 0)),
        ]
    }

    /// The account of a key, also of one that was deleted, or never was: the id tells it.
    private func accessKeyInfo(_ call: AWSCall) throws -> JSONValue {
        let id = try call.askedAccessKeyID()
        guard let account = accessKeys.owner(of: id)?.account ?? AccessKeyID.account(of: id) else {
            throw Refusal(.validation, "Invalid Access Key ID")
        }
        return ["Account": .string(account.description)]
    }
}
