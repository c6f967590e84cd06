import Testing
import WeirCore

/// The authorizer alone: every combination of what abstract layers can say, against the slow one.
@Suite struct AuthorizerTableTests {
    private static let decider = AuthorizationDecision.Decider(policy: .session, sid: nil, index: 0)

    private static func analysis(_ says: SlowAuthorizer.Says) -> LayerAnalysis {
        switch says {
        case .silent: LayerAnalysis()
        case .allow: LayerAnalysis(allower: decider, strongest: .direct)
        case .deny: LayerAnalysis(denier: decider)
        }
    }

    private static func caller(_ kind: String, _ account: AccountID) -> Caller {
        let user = IAMIdentity(id: "AIDAX", arn: "arn:aws:iam::\(account):user/u", name: "u")
        let role = IAMIdentity(id: "AROAX", arn: "arn:aws:iam::\(account):role/r", name: "r")
        let session = CallerSession(
            accessKeyID: "ASIAX", issuedAt: Timestamp(seconds: 0), expiresAt: Timestamp(seconds: 900))
        return switch kind {
        case "root": .root(of: account)
        case "user": .user(user, of: account)
        case "session": .session(of: role, named: "s", in: account, session: session)
        case "federated": .federated("f", by: user, in: account, partition: "aws", session: session)
        case "federatedByRoot": .federated("f", by: nil, in: account, partition: "aws", session: session)
        case "service": Caller(account: account, kind: .service("x.amazonaws.com"), principalARN: "x", userID: "x")
        case "anonymous": .anonymous(at: account)
        default: .webIdentity("s", userID: "i:a:s", vouchedForBy: "p", at: account)
        }
    }

    @Test func everyCombination() throws {
        let (home, other) = (try AccountID("111111111111"), try AccountID("222222222222"))
        let optional: [SlowAuthorizer.Says?] = [nil, .silent, .allow, .deny]
        var count = 0
        for kind in SlowAuthorizer.kinds {
            for isHome in [true, false] {
                for isStrict in [true, false] {
                    let request = AuthorizationRequest(
                        caller: Self.caller(kind, isHome ? home : other), action: "ecr:PutImage", resource: "*", owner: home,
                        isStrict: isStrict, context: PolicyContext())
                    for (place, match) in PrincipalMatch.allCases.enumerated() {
                        for resourceDenies in [true, false] {
                            for identity in SlowAuthorizer.Says.allCases {
                                for boundary in optional {
                                    for session in optional {
                                        let question = SlowAuthorizer.Question(
                                            kind: kind, isHome: isHome, isStrict: isStrict, resourceDenies: resourceDenies,
                                            named: SlowAuthorizer.strengths[place], identity: identity, boundary: boundary,
                                            session: session)
                                        let layers = AnalysedLayers(
                                            resource: LayerAnalysis(
                                                denier: resourceDenies ? Self.decider : nil,
                                                allower: match == .none ? nil : Self.decider, strongest: match),
                                            identity: Self.analysis(identity), boundary: boundary.map(Self.analysis),
                                            session: session.map(Self.analysis))
                                        let word = Authorizer.combine(request, layers).word
                                        count += 1
                                        if word != SlowAuthorizer.answer(question) {
                                            Issue.record("\(question): \(word), not \(SlowAuthorizer.answer(question))")
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
        #expect(count == 8 * 2 * 2 * 5 * 2 * 3 * 4 * 4)
    }
}
