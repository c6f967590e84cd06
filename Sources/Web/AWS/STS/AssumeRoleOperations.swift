import Logging
import WeirCore
import WeirIdentity

/// AssumeRole and AssumeRoleWithWebIdentity. Both ask the role's trust policy, which is not found before the role is: so the
/// right is asked inside.
struct AssumeRoleOperations: Sendable {
    let sessions: Sessions

    var table: [AWSOperation] {
        [
            AWSOperation(.sts, "AssumeRole", may: .none) { call in try await assume(call) },
            AWSOperation(.sts, "AssumeRoleWithWebIdentity", may: .none, isUnsigned: true) { call in
                try await assumeByWebIdentity(call)
            },
        ]
    }

    private func assume(_ call: AWSCall) async throws -> JSONValue {
        let (arn, name, seconds, policies, tags, externalID, source) = try call.validated(
            { try $0.sessionRoleARN() }, { try $0.roleSessionName() }, { try $0.durationSeconds(900...43_200) },
            { try $0.sessionPolicies() }, { try $0.sessionTags() }, { try $0.externalID() }, { try $0.sourceIdentity() })
        try call.refuseMFA()
        var request = RoleSessionRequest(roleARN: arn, name: name)
        request.duration = seconds.map { .seconds($0) }
        request.policies = policies
        request.tags = tags
        request.externalID = externalID
        request.sourceIdentity = source
        let session = try await sessions.assumeRole(request, by: call.caller, in: call.registry.region, at: call.now)
        return .object(Self.members(session, call))
    }

    private func assumeByWebIdentity(_ call: AWSCall) async throws -> JSONValue {
        let (arn, name, token, seconds, policies, provider) = try call.validated(
            { try $0.sessionRoleARN() }, { try $0.roleSessionName() }, { try $0.webIdentityToken() },
            { try $0.durationSeconds(900...43_200) }, { try $0.sessionPolicies() }, { try $0.providerID() })
        if provider != nil {
            throw Refusal(.invalidIdentityToken, "A ProviderId is for OAuth 2.0 access tokens, which this server does not take.")
        }
        var request = WebSessionRequest(roleARN: arn, name: name, token: token)
        request.duration = seconds.map { .seconds($0) }
        request.policies = policies
        let session = try await sessions.assumeRole(request, in: call.registry.region, at: call.now) {
            call.webCaller.note($0)
        }
        if !session.droppedClaims.isEmpty {
            Logger.current.notice(
                "A session keeps only a part of its web identity's claims: they are too long together",
                metadata: [
                    "claims.dropped": "\(session.droppedClaims.prefix(20).joined(separator: ", "))",
                    "role.session": "\(session.role.credentials.caller.principalARN)",
                ])
        }
        var members = Self.members(session.role, call)
        members["SubjectFromWebIdentityToken"] = .string(session.identity.subject)
        members["Audience"] = .string(session.identity.audience)
        members["Provider"] = .string(session.identity.issuer)
        return .object(members)
    }

    private static func members(_ session: RoleSession, _ call: AWSCall) -> [String: JSONValue] {
        let caller = session.credentials.caller.seen(in: call.registry.region)
        var members: [String: JSONValue] = [
            "Credentials": session.credentials.json,
            "AssumedRoleUser": ["AssumedRoleId": .string(caller.userID), "Arn": .string(caller.principalARN)],
        ]
        if let size = session.credentials.packedPolicySize { members["PackedPolicySize"] = .integer(Int64(size)) }
        if let source = session.sourceIdentity { members["SourceIdentity"] = .string(source) }
        return members
    }
}

extension AWSCall {
    func sessionPolicies() throws -> SessionPolicies {
        let (document, arns) = try validated({ try $0.sessionPolicy() }, { try $0.sessionPolicyARNs() })
        return SessionPolicies(document: document, arns: arns)
    }

    func sessionTags() throws -> SessionTags {
        let (tags, transitive) = try validated({ try $0.tags() }, { try $0.transitiveTagKeys() })
        return SessionTags(tags, transitiveKeys: transitive)
    }

    /// There are no devices here whose codes could be checked.
    func refuseMFA() throws {
        guard input.has("SerialNumber") || input.has("TokenCode") else { return }
        throw Refusal(.accessDenied, "MultiFactorAuthentication failed with invalid MFA one time pass code.")
    }
}
