import Synchronization
import Testing
import WeirCore
import WeirIdentity

/// AssumeRole, AssumeRoleWithWebIdentity and the sessions of users: who gets them, and what they are.
@Suite struct AssumeRoleTests {
    private static let ann = "arn:aws:iam::111122223333:user/ann"
    private static let root = "arn:aws:iam::111122223333:root"

    private func refusal(_ body: () async throws -> Void) async throws -> Refusal {
        do { try await body() } catch let refusal as Refusal { return refusal }
        Issue.record("nothing was refused")
        return Refusal(.unsupported, "")
    }

    @Test func aMissingRoleIsRefusedAsAForbiddenOne() async throws {
        let room = try await SessionRoom()
        let ann = try await room.user("ann", allowing: "*")
        let forbidden = try await room.role("ci", trust: SessionRoom.trust("arn:aws:iam::111122223333:user/bob"))
        for arn in [
            forbidden, "arn:aws:iam::111122223333:role/none", "arn:aws:iam::111122223333:role/path/ci",
            "arn:aws:iam::111122223333:role/CI", "arn:aws:iam::999999999999:role/ci", "arn:aws:iam::111122223333:user/ann",
        ] {
            let told = try await refusal { _ = try await room.assume(arn, by: ann) }
            #expect(told.reason == .accessDenied)
            #expect(told.message == "User: \(Self.ann) is not authorized to perform: sts:AssumeRole on resource: \(arn)")
            #expect(told.facts["denied.why"]?.isEmpty == false && told.denial == nil)
        }
        #expect(try await refusal { _ = try await room.assume("nonsense", by: ann) }.message == "nonsense is invalid")
        let told = try await refusal { _ = try await room.assume(forbidden, by: .root(of: SessionRoom.account)) }
        #expect(told.message == "Roles may not be assumed by root accounts.")
    }

    @Test func howCloselyTheTrustNamesTheCallerDecides() async throws {
        let room = try await SessionRoom()
        let (ann, bob) = (try await room.user("ann"), try await room.user("bob", allowing: "sts:AssumeRole"))
        let abroad = try await room.user("eve", in: SessionRoom.other, allowing: "sts:AssumeRole")
        let poor = try await room.user("pat", in: SessionRoom.other)
        let direct = try await room.role("direct", trust: SessionRoom.trust(Self.ann))
        let account = try await room.role("account", trust: SessionRoom.trust(Self.root))
        let foreign = try await room.role("foreign", trust: SessionRoom.trust("444455556666"))
        func may(_ arn: String, _ caller: Caller) async throws -> Bool {
            try await room.reason { _ = try await room.assume(arn, by: caller) } == nil
        }
        #expect(try await may(direct, ann))
        #expect(try await !may(direct, bob))
        #expect(try await !may(account, ann))
        #expect(try await may(account, bob))
        #expect(try await may(foreign, abroad))
        #expect(try await !may(foreign, poor))
        #expect(try await !may(foreign, bob))
        // A role does not trust itself.
        let session = try await room.caller(try await room.assume(direct, by: ann))
        #expect(try await !may(direct, session))
    }

    @Test func conditionsOfTheTrustHold() async throws {
        let room = try await SessionRoom()
        let ann = try await room.user("ann")
        let arn = try await room.role(
            "ci",
            trust: SessionRoom.trust(
                Self.ann, condition: #"{"StringEquals":{"sts:ExternalId":"e-1","sts:RoleSessionName":"run"}}"#))
        #expect(try await room.reason { _ = try await room.assume(arn, by: ann) } == .accessDenied)
        #expect(try await room.reason { _ = try await room.assume(arn, by: ann) { $0.externalID = "e-2" } } == .accessDenied)
        #expect(
            try await room.reason { _ = try await room.assume(arn, by: ann, name: "other") { $0.externalID = "e-1" } }
                == .accessDenied)
        _ = try await room.assume(arn, by: ann) { $0.externalID = "e-1" }
    }

    @Test func sessionsLastAsLongAsTheRoleAllowsAndChainedOnesAnHour() async throws {
        let room = try await SessionRoom()
        let ann = try await room.user("ann")
        let first = try await room.role("first", trust: SessionRoom.trust(Self.ann), hours: 2)
        let second = try await room.role(
            "second", trust: SessionRoom.trust("arn:aws:iam::111122223333:role/first"), hours: 12)
        let session = try await room.assume(first, by: ann) { $0.duration = .seconds(7_200) }
        #expect(session.expiresAt == room.now + .seconds(7_200))
        let longer = try await refusal { _ = try await room.assume(first, by: ann) { $0.duration = .seconds(7_201) } }
        #expect(longer.message == "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
        let caller = try await room.caller(session)
        let chained = try await room.assume(second, by: caller)
        #expect(chained.expiresAt == room.now + .seconds(3_600) && chained.caller.session?.isChained == true)
        let told = try await refusal { _ = try await room.assume(second, by: caller) { $0.duration = .seconds(3_601) } }
        #expect(
            told.message
                == "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.")
    }

    @Test func tagsFollowSTSsRules() async throws {
        let room = try await SessionRoom()
        let ann = try await room.user("ann")
        let trust = SessionRoom.trust(Self.ann, "sts:AssumeRole sts:TagSession")
        let first = try await room.role("first", trust: trust, tags: #"{"Team":"role","cost":"1"}"#)
        let untagged = try await room.role("untagged", trust: SessionRoom.trust(Self.ann))
        let second = try await room.role(
            "second", trust: SessionRoom.trust("arn:aws:iam::111122223333:role/first", "sts:AssumeRole sts:TagSession"))
        let third = try await room.role("third", trust: SessionRoom.trust("arn:aws:iam::111122223333:role/first"))
        let (team, stage) = (ResourceTag(key: "team", value: "a"), ResourceTag(key: "Stage", value: "b"))
        for (tags, sentence) in [
            (SessionTags([team, ResourceTag(key: "TEAM", value: "x")]), "Duplicate tag keys found"),
            (SessionTags([team], transitiveKeys: ["Stage"]), "must be included in the requested tags"),
        ] {
            let told = try await refusal { _ = try await room.assume(first, by: ann) { $0.tags = tags } }
            #expect(told.reason == .stsInvalidParameterValue && told.message.contains(sentence))
        }
        let told = try await refusal { _ = try await room.assume(untagged, by: ann) { $0.tags = SessionTags([team]) } }
        #expect(told.message == "User: \(Self.ann) is not authorized to perform: sts:TagSession on resource: \(untagged)")
        let session = try await room.assume(first, by: ann) { $0.tags = SessionTags([team, stage], transitiveKeys: ["TEAM"]) }
        let caller = try await room.caller(session)
        // The session's tag stands for the role's, whatever its case.
        #expect(
            Set(try await room.principals.policies(of: caller).tags)
                == [team, stage, ResourceTag(key: "cost", value: "1")])
        let next = try await room.caller(try await room.assume(second, by: caller))
        #expect(next.session?.tags == [team] && next.session?.transitiveTagKeys == ["TEAM"])
        #expect(try await room.reason { _ = try await room.assume(third, by: caller) } == .accessDenied)
        let conflict = try await refusal { _ = try await room.assume(second, by: caller) { $0.tags = SessionTags([team]) } }
        #expect(conflict.message.contains("conflicts with a transitive tag key from the calling session"))
    }

    @Test func aSourceIdentityNeedsTheRightAndStays() async throws {
        let room = try await SessionRoom()
        let ann = try await room.user("ann")
        let plain = try await room.role("plain", trust: SessionRoom.trust(Self.ann))
        let first = try await room.role("first", trust: SessionRoom.trust(Self.ann, "sts:AssumeRole sts:SetSourceIdentity"))
        let second = try await room.role(
            "second", trust: SessionRoom.trust("arn:aws:iam::111122223333:role/first", "sts:*"))
        #expect(
            try await room.reason { _ = try await room.assume(plain, by: ann) { $0.sourceIdentity = "ann" } } == .accessDenied)
        let caller = try await room.caller(try await room.assume(first, by: ann) { $0.sourceIdentity = "ann" })
        #expect(caller.session?.sourceIdentity == "ann")
        #expect(try await room.assume(second, by: caller).caller.session?.sourceIdentity == "ann")
        #expect(
            try await room.reason { _ = try await room.assume(second, by: caller) { $0.sourceIdentity = "bob" } } == .accessDenied
        )
    }

    @Test func sessionPoliciesAreCheckedAndLimit() async throws {
        let room = try await SessionRoom()
        let ann = try await room.user("ann")
        let arn = try await room.role("ci", trust: SessionRoom.trust(Self.ann))
        for text in [
            "{", "{}", #"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}"#,
        ] {
            #expect(
                try await room.reason {
                    _ = try await room.assume(arn, by: ann) { $0.policies = SessionPolicies(document: text) }
                } == .malformedPolicyDocument)
        }
        for arns in [["arn:aws:iam::111122223333:policy/none"], ["arn:aws:iam::444455556666:policy/x"], ["nonsense"]] {
            #expect(
                try await room.reason { _ = try await room.assume(arn, by: ann) { $0.policies = SessionPolicies(arns: arns) } }
                    == .malformedPolicyDocument)
        }
        let text = #"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ecr:*","Resource":"*"}}"#
        let session = try await room.assume(arn, by: ann) { $0.policies = SessionPolicies(document: text) }
        let policies = try await room.principals.policies(of: try await room.caller(session))
        #expect(policies.session?.count == 1)
    }

    @Test func usersMakeSessionsOfTheirOwn() async throws {
        let room = try await SessionRoom()
        let ann = try await room.user("ann", allowing: "ecr:*")
        func token(_ caller: Caller, _ seconds: Int64?) async throws -> SessionCredentials {
            try await room.sessions.sessionToken(
                for: caller, accessKeyID: caller.isRoot ? "AKIAROOT" : "AKIAANN", lasting: seconds.map { .seconds($0) },
                in: SessionRoom.region, at: room.now)
        }
        let session = try await token(ann, nil)
        #expect(session.expiresAt == room.now + .seconds(43_200))
        let caller = try await room.caller(session)
        #expect(caller == .user(try #require(ann.identity), of: SessionRoom.account, session: caller.session))
        #expect(try await token(.root(of: SessionRoom.account), 129_600).expiresAt == room.now + .seconds(3_600))
        #expect(
            try await refusal { _ = try await token(caller, nil) }.message
                == "Cannot call GetSessionToken with session credentials")
        let federated = try await room.sessions.federationToken(
            "fed", for: ann, accessKeyID: "AKIAANN", lasting: nil, policies: SessionPolicies(), tags: SessionTags(),
            in: SessionRoom.region, at: room.now)
        let fed = try await room.caller(federated)
        #expect(fed.principalARN == "arn:aws:sts::111122223333:federated-user/fed" && fed.userID == "111122223333:fed")
        // Without a policy of its own it may nothing.
        let policies = try await room.principals.policies(of: fed)
        #expect(policies.session?.isEmpty == true && policies.identity.count == 1)
    }
}

/// Sessions for what an OpenID Connect provider vouches for.
@Suite struct WebSessionTests {
    private static let provider = "arn:aws:iam::111122223333:oidc-provider/issuer.example"

    private struct Vouched: WebIdentities {
        let identity: WebIdentity

        func verify(_ token: String, in account: AccountID, partition: String, at now: Timestamp) async throws -> WebIdentity {
            guard token == "good" else { throw Refusal(.invalidIdentityToken, "no") }
            return identity
        }
    }

    private static func identity(_ more: [String: [String]] = [:], tags: SessionTags = SessionTags(), source: String? = nil)
        -> WebIdentity
    {
        WebIdentity(
            issuer: "https://issuer.example", providerARN: provider, subject: "repo:o/r", audience: "sts.amazonaws.com",
            conditionKeys: ["issuer.example:sub": ["repo:o/r"], "issuer.example:aud": ["sts.amazonaws.com"]]
                .merging(more) { $1 },
            tags: tags, sourceIdentity: source)
    }

    private static func trust(_ principal: String, _ sub: String, _ actions: String = "") -> String {
        #"{"Effect":"Allow","Principal":{"Federated":"\#(principal)"},"Action":["sts:AssumeRoleWithWebIdentity"\#(actions)],"#
            + #""Condition":{"StringLike":{"issuer.example:sub":"\#(sub)"}}}"#
    }

    private func assume(_ room: SessionRoom, _ role: String, token: String = "good") async throws -> WebSession {
        try await room.sessions.assumeRole(
            WebSessionRequest(roleARN: "arn:aws:iam::111122223333:role/\(role)", name: "job", token: token),
            in: SessionRoom.region, at: room.now)
    }

    @Test func theTrustPolicyAloneDecides() async throws {
        let room = try await SessionRoom(webIdentities: Vouched(identity: Self.identity()))
        try await room.role("ci", trust: Self.trust(Self.provider, "repo:o/*"))
        try await room.role("elsewhere", trust: Self.trust(Self.provider, "repo:p/*"))
        try await room.role("stranger", trust: Self.trust(Self.provider + "/other", "repo:o/*"))
        try await room.role("users", trust: SessionRoom.trust("arn:aws:iam::111122223333:root", "sts:AssumeRoleWithWebIdentity"))
        let session = try await assume(room, "ci")
        let caller = try await room.caller(session.role.credentials)
        #expect(caller.principalARN == "arn:aws:sts::111122223333:assumed-role/ci/job")
        #expect(caller.session?.federatedProvider == Self.provider)
        #expect(caller.session?.webClaims["issuer.example:sub"] == ["repo:o/r"])
        for role in ["elsewhere", "stranger", "users", "none"] {
            let told = await #expect(throws: Refusal.self) { _ = try await assume(room, role) }
            #expect(told?.reason == .accessDenied && told?.message == "Not authorized to perform sts:AssumeRoleWithWebIdentity")
        }
        for role in ["ci", "none"] {
            let told = await #expect(throws: Refusal.self) { _ = try await assume(room, role, token: "bad") }
            #expect(told?.reason == .invalidIdentityToken)
        }
    }

    @Test func tagsAndSourceIdentityNeedTheirRights() async throws {
        let identity = Self.identity(tags: SessionTags([ResourceTag(key: "team", value: "a")]), source: "gh")
        let room = try await SessionRoom(webIdentities: Vouched(identity: identity))
        try await room.role("bare", trust: Self.trust(Self.provider, "*"))
        try await room.role("half", trust: Self.trust(Self.provider, "*", #","sts:TagSession""#))
        try await room.role("whole", trust: Self.trust(Self.provider, "*", #","sts:TagSession","sts:SetSourceIdentity""#))
        #expect(try await room.reason { _ = try await assume(room, "bare") } == .accessDenied)
        #expect(try await room.reason { _ = try await assume(room, "half") } == .accessDenied)
        let caller = try await assume(room, "whole").role.credentials.caller
        #expect(caller.session?.tags == [ResourceTag(key: "team", value: "a")] && caller.session?.sourceIdentity == "gh")
    }

    @Test func claimsAreKeptAsFarAsThereIsRoomAndNeverStandForOtherKeys() async throws {
        let long = (0..<30).reduce(into: ["aws:principalarn": ["arn:aws:iam::111122223333:root"], "sts:externalid": ["e"]]) {
            $0["issuer.example:c\($1)"] = [String(repeating: "x", count: 60)]
        }
        let room = try await SessionRoom(webIdentities: Vouched(identity: Self.identity(long)))
        try await room.role("ci", trust: Self.trust(Self.provider, "*"))
        let session = try await assume(room, "ci")
        let claims = try #require(session.role.credentials.caller.session?.webClaims)
        #expect(claims["issuer.example:sub"] != nil && claims["issuer.example:aud"] != nil)
        #expect(claims["aws:principalarn"] == nil && claims["sts:externalid"] == nil)
        #expect(!session.droppedClaims.isEmpty && claims.count + session.droppedClaims.count == 32)
        let size = claims.reduce(0) { $0 + $1.key.utf8.count + $1.value.joined().utf8.count }
        #expect(size <= Sessions.mostClaimBytes)
    }
}
