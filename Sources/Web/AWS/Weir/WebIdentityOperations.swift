import WeirCore
import WeirIdentity
import WeirRegistry

/// Sign-ins by the tokens of OpenID Connect issuers, for the operator who sets them up.
struct WebIdentityOperations: Sendable {
    let identity: IdentityParts

    private var records: EntityRecords { EntityRecords(store: identity.store) }

    var table: [AWSOperation] {
        [
            AWSOperation(.weir, "TestWebIdentity", may: .own { try $0.role().arn(partition: $0.partition) }, test),
            AWSOperation(.weir, "SetProviderKeys", may: .own { try $0.provider().arn }, setKeys),
        ]
    }

    /// STS's bounds of a token.
    private static let tokenLengths = 4...20_000

    private func test(_ call: AWSCall) async throws -> JSONValue {
        // No bound of `string`: its refusal would repeat the token.
        guard let token = try call.input.optionalString("webIdentityToken"), Self.tokenLengths.contains(token.utf8.count) else {
            throw Refusal.invalidParameter("webIdentityToken", "It must have 4 to 20,000 characters")
        }
        let name = try call.role()
        let role = try await name.entity(records)
        let trust: EntityRecord.Trust?
        if let role { trust = try await records.record(of: role).trust } else { trust = nil }
        let outcome = try await WebIdentityTrial(records: records, tokens: identity.webTokens).run(
            token, for: role, trust: trust?.policy, in: name.account, region: call.registry.region, at: call.now)
        var steps = outcome.steps.map { Self.step($0.step.rawValue, $0.outcome, $0.sentence) }
        let arn = role?.arn(partition: call.partition) ?? name.arn(partition: call.partition)
        steps.append(
            role == nil
                ? Self.step("role", .failed, "there is no role \(arn)") : Self.step("role", .passed, "there is the role \(arn)"))
        if role != nil, trust?.policy == nil {
            steps.append(Self.step("trust", .failed, "its trust policy cannot be read: it admits no one"))
        } else if let decision = outcome.decisions.first(where: { !$0.decision.isAllowed }) {
            steps.append(Self.step("trust", .failed, "its trust policy does not allow \(decision.request.action)"))
        } else {
            steps.append(
                outcome.isAllowed
                    ? Self.step("trust", .passed, "its trust policy allows it") : Self.step("trust", .skipped, ""))
        }
        return .members([
            "role": .string(arn), "allowed": .bool(outcome.isAllowed), "steps": .array(steps),
            "conditionKeys": outcome.verified.map { verified in .object(verified.conditionKeys.mapValues { .strings($0) }) },
            "decisions": .array(outcome.decisions.map { .explanation($0, notes: []) }),
        ])
    }

    private static func step(_ name: String, _ outcome: WebTokens.CheckedStep.Outcome, _ finding: String) -> JSONValue {
        ["step": .string(name), "outcome": .string(outcome.rawValue), "finding": .string(finding)]
    }

    private func setKeys(_ call: AWSCall) async throws -> JSONValue {
        let (arn, name) = try call.provider()
        guard let provider = try await records.find(.oidcProvider, named: name, in: call.registry.account), provider.name == name
        else { throw Refusal.invalidParameter("provider", "The account has no \(arn)") }
        let count = try await ProviderKeys(store: identity.store).set(
            try call.input.optionalString("keySet"), of: provider)
        return ["provider": .string(arn), "keys": .integer(Int64(count))]
    }
}

extension AWSCall {
    fileprivate var partition: String { registry.region.partition }

    /// The role that the member `role` names, of the caller's own account.
    fileprivate func role() throws -> PrincipalName {
        let name = try PrincipalName(try input.string("role", length: 1...2_048), at: "role", in: registry.account)
        guard case .entity(.role, path: _, name: _) = name.kind, name.account == registry.account else {
            throw Refusal.invalidParameter("role", "It names no role of the caller's account")
        }
        return name
    }

    /// The provider that the member `provider` names, by its ARN or its URL.
    fileprivate func provider() throws -> (arn: String, name: String) {
        let text = try input.string("provider", length: 1...2_048)
        let own = "arn:\(partition):iam::\(registry.account):oidc-provider/"
        if text.hasPrefix(own), text.utf8.count > own.utf8.count { return (text, String(text.dropFirst(own.count))) }
        guard let issuer = OIDCIssuer(text) else {
            throw Refusal.invalidParameter(
                "provider", "It is neither the URL of an issuer nor the ARN of a provider of this account")
        }
        return (own + issuer.name, issuer.name)
    }
}
