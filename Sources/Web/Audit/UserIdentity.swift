import WeirCore
import WeirIdentity
import WeirRegistry

/// `userIdentity` of a record, in CloudTrail's forms.
enum UserIdentity {
    static func of(_ caller: Caller, accessKeyID: String?) -> JSONValue {
        switch caller.kind {
        case .root: return signed(caller, "Root", accessKeyID)
        case .user(let user): return signed(caller, "IAMUser", accessKeyID, ["userName": .string(user.name)])
        case .roleSession(of: let role, name: _):
            return signed(caller, "AssumedRole", accessKeyID, issuer: issuer("Role", role, caller))
        case .federatedUser(of: let user, name: _):
            return signed(
                caller, "FederatedUser", accessKeyID,
                issuer: user.map { issuer("IAMUser", $0, caller) }
                    ?? ["type": "Root", "principalId": .string("\(caller.account)"), "accountId": .string("\(caller.account)")])
        case .service(let name): return ["type": "AWSService", "invokedBy": .string(name)]
        case .webIdentity(let provider):
            return [
                "type": "WebIdentityUser", "principalId": .string(caller.userID), "identityProvider": .string(provider),
            ]
        case .anonymous: return ["type": "AWSAccount", "principalId": "", "accountId": "ANONYMOUS_PRINCIPAL"]
        }
    }

    /// The subject of a web identity token.
    static func of(_ identity: WebIdentity) -> JSONValue {
        [
            "type": "WebIdentityUser",
            "principalId": .string("\(identity.issuer):\(identity.audience):\(identity.subject)"),
            "userName": .string(identity.subject), "identityProvider": .string(identity.providerARN),
        ]
    }

    /// A caller as another account sees it.
    static func abroad(_ caller: Caller) -> JSONValue {
        ["type": "AWSAccount", "principalId": .string(caller.userID), "accountId": .string("\(caller.account)")]
    }

    private static func signed(
        _ caller: Caller, _ type: String, _ accessKeyID: String?, _ more: [String: JSONValue] = [:], issuer: JSONValue? = nil
    ) -> JSONValue {
        var members: [String: JSONValue] = [
            "type": .string(type), "principalId": .string(caller.userID), "arn": .string(caller.principalARN),
            "accountId": .string("\(caller.account)"),
        ]
        members.merge(more) { _, new in new }
        if let accessKeyID { members["accessKeyId"] = .string(accessKeyID) }
        if let session = caller.session { members["sessionContext"] = context(session, issuer) }
        return .object(members)
    }

    private static func issuer(_ type: String, _ identity: IAMIdentity, _ caller: Caller) -> JSONValue {
        [
            "type": .string(type), "principalId": .string(identity.id), "arn": .string(identity.arn),
            "accountId": .string("\(caller.account)"), "userName": .string(identity.name),
        ]
    }

    private static func context(_ session: CallerSession, _ issuer: JSONValue?) -> JSONValue {
        var members: [String: JSONValue] = [
            "attributes": ["creationDate": .string(session.issuedAt.iso8601), "mfaAuthenticated": "false"]
        ]
        if let issuer { members["sessionIssuer"] = issuer }
        if let source = session.sourceIdentity { members["sourceIdentity"] = .string(source) }
        if let provider = session.federatedProvider {
            let attributes = session.webClaims.mapValues { JSONValue.string($0.joined(separator: ",")) }
            members["webIdFederationData"] = ["federatedProvider": .string(provider), "attributes": .object(attributes)]
        }
        return .object(members)
    }
}

extension AuthorizationDenial {
    /// What was decided, by which policy and statement: `weirDecision` of a record.
    var audited: JSONValue {
        var members: [String: JSONValue] = [:]
        switch decision.verdict {
        case .allowed: members["verdict"] = "allowed"
        case .explicitDeny(let layer): (members["verdict"], members["layer"]) = ("explicitDeny", .string(layer.rawValue))
        case .implicitDeny(let layer): (members["verdict"], members["layer"]) = ("implicitDeny", .string(layer.rawValue))
        }
        if let decider = decision.decider {
            members["policy"] = .string(decider.policy.text)
            members["statement"] = .integer(Int64(decider.index))
            if let sid = decider.sid { members["sid"] = .string(sid) }
        }
        return .object(members)
    }
}
