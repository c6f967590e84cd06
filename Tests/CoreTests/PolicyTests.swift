import Testing
import WeirCore

/// What one policy of a resource says of a caller.
enum PolicyDecision: Sendable {
    case allowed
    /// The caller's account is allowed: its own policies must allow it as well.
    case delegated
    case denied, silent

    init(_ answer: ResourcePolicyAnswer, _ caller: Caller) {
        self =
            switch answer {
            case .denies: .denied
            case .isSilent: .silent
            case .allows(.account): caller.isRoot ? .allowed : .delegated
            case .allows: .allowed
            }
    }
}

@Suite struct PolicyTests {
    private static let home = "111122223333"
    private static let other = "444455556666"

    private static func caller(_ account: String, user: String? = nil) throws -> Caller {
        let arn = user.map { "arn:aws:iam::\(account):user/\($0)" } ?? "arn:aws:iam::\(account):root"
        let account = try AccountID(account)
        return user.map { .user(IAMIdentity(id: $0, arn: arn, name: $0), of: account) } ?? .root(of: account)
    }

    /// A policy of one statement, with its members as JSON.
    private static func policy(_ members: String, version: String = "2012-10-17") throws -> PolicyDocument {
        try PolicyDocument(#"{"Version":"\#(version)","Statement":[{\#(members)}]}"#)
    }

    private static func decide(
        _ policy: PolicyDocument, _ caller: Caller, _ action: String = "ecr:BatchGetImage",
        resource: String = "arn:aws:ecr:us-east-1:111122223333:repository/team/app", context: [String: [String]] = [:]
    ) -> PolicyDecision {
        var keys = PolicyContext()
        for (key, values) in context { keys[key] = values }
        return PolicyDecision(
            policy.answer(
                to: AuthorizationRequest(
                    caller: caller, action: action, resource: resource, owner: caller.account, context: keys)), caller)
    }

    // MARK: Long values from callers

    private static let long = String(repeating: "a", count: PolicyContext.maxValue + 1)
    private static let longest = String(repeating: "a", count: PolicyContext.maxValue)

    @Test(
        "What is too long to compare holds no Allow and fails no Deny",
        arguments: [
            #""Condition":{"StringLike":{"aws:UserAgent":"*"}}"#, #""Condition":{"StringEquals":{"aws:UserAgent":"b"}}"#,
            #""Condition":{"StringNotLike":{"aws:UserAgent":"*b*"}}"#, #""Condition":{"StringNotEquals":{"aws:UserAgent":"b"}}"#,
            #""Condition":{"ForAllValues:StringLike":{"aws:UserAgent":"b"}}"#,
            #""Condition":{"StringLikeIfExists":{"aws:UserAgent":"b"}}"#,
            #""Condition":{"StringLike":{"aws:PrincipalType":"*${aws:UserAgent}*"}}"#,
            #""Resource":"arn:aws:ecr:us-east-1:111122223333:repository/${aws:UserAgent}*""#,
            #""NotResource":"arn:aws:ecr:us-east-1:111122223333:repository/${aws:UserAgent}*""#,
        ])
    func tooLong(member: String) throws {
        let root = try Self.caller(Self.home)
        let context = ["aws:UserAgent": [Self.long], "aws:PrincipalType": ["Account"]]
        for (effect, decision) in [("Allow", PolicyDecision.silent), ("Deny", .denied)] {
            let policy = try Self.policy(
                #""Effect":"\#(effect)","Action":"ecr:*","Principal":"*",\#(member)"#)
            #expect(Self.decide(policy, root, context: context) == decision, "\(effect)")
            // The statement does not concern another action, however long the header is.
            #expect(Self.decide(policy, root, "sts:AssumeRole", context: context) == .silent)
        }
    }

    @Test func whatIsJustShortEnoughIsCompared() throws {
        let root = try Self.caller(Self.home)
        let policy = try Self.policy(
            #""Effect":"Allow","Action":"ecr:*","Principal":"*","Condition":{"StringLike":{"aws:UserAgent":"a*a"}}"#)
        #expect(Self.decide(policy, root, context: ["aws:UserAgent": [Self.longest]]) == .allowed)
    }

    @Test(.timeLimit(.minutes(1))) func variablesThatGrowBeyondReadingCostLittle() throws {
        let root = try Self.caller(Self.home)
        for pattern in ["*" + String(repeating: "${aws:UserAgent}*", count: 590), String(repeating: "*a", count: 4_000) + "b"] {
            for (effect, decision) in [("Allow", PolicyDecision.silent), ("Deny", pattern.contains("$") ? .denied : .silent)] {
                let policy = try Self.policy(
                    #""Effect":"\#(effect)","Action":"ecr:*","Principal":"*","Condition":{"StringLike":{"aws:UserAgent":"\#(pattern)"}}"#
                )
                for _ in 0..<20 { #expect(Self.decide(policy, root, context: ["aws:UserAgent": [Self.longest]]) == decision) }
            }
        }
    }

    @Test(
        "Wildcards",
        arguments: [
            ("*", "", true), ("*", "abc", true), ("", "", true), ("", "a", false), ("a*", "a", true), ("a*a", "a", false),
            ("a*a", "aa", true),
            ("*abab*", "abaabab", true), ("*aab*b", "aaabb", true), ("*aab*b", "aaab", false), ("?*?", "a", false),
            ("?*?", "ab", true),
            ("*a?c*", "abbabcx", true), ("*a?c*", "abbabx", false), ("a**b", "ab", true), ("*ab*ab*", "abab", true),
            ("*ab*ab*", "abb", false),
            ("*b?*", "ab", false), ("abc", "abc", true), ("abc", "abd", false), ("a?c", "abc", true),
            ("*a*b*c*", "xaxbxcx", true),
            ("*a*b*c*", "cba", false), ("**", "", true), ("*aaab", "aaaaab", true), ("aaab*", "aaaab", false),
        ])
    func wildcards(pattern: String, text: String, fits: Bool) throws {
        let policy = try Self.policy(
            #""Effect":"Allow","Action":"ecr:*","Principal":"*","Condition":{"StringLike":{"aws:UserAgent":"\#(pattern)"}}"#)
        let decision = Self.decide(policy, try Self.caller(Self.home), context: ["aws:UserAgent": [text]])
        #expect((decision == .allowed) == fits)
    }

    private static let pull = #""Effect":"Allow","Action":"ecr:BatchGetImage","Principal":"#

    @Test(
        "Whom a principal means",
        arguments: [
            (#""*""#, PolicyDecision.allowed, PolicyDecision.allowed),
            (#"{"AWS":"*"}"#, .allowed, .allowed),
            (#"{"AWS":"444455556666"}"#, .allowed, .delegated),
            (#"{"AWS":["arn:aws:iam::444455556666:root"]}"#, .allowed, .delegated),
            (#"{"AWS":"arn:aws:iam::444455556666:user/ann"}"#, .silent, .allowed),
            (#"{"AWS":"arn:aws:iam::444455556666:user/bob"}"#, .silent, .silent),
            (#"{"AWS":"777788889999"}"#, .silent, .silent),
            (#"{"Service":"codebuild.amazonaws.com"}"#, .silent, .silent),
        ])
    func principals(principal: String, root: PolicyDecision, user: PolicyDecision) throws {
        let policy = try Self.policy(Self.pull + principal)
        #expect(Self.decide(policy, try Self.caller(Self.other)) == root)
        #expect(Self.decide(policy, try Self.caller(Self.other, user: "ann")) == user)
    }

    /// A session `run-1` of the role `/ci/puller`.
    private static func session(_ id: String, of account: String) throws -> Caller {
        let now = Timestamp(seconds: 1_800_000_000)
        return .session(
            of: IAMIdentity(id: id, arn: "arn:aws:iam::\(account):role/ci/puller", name: "puller"), named: "run-1",
            in: try AccountID(account),
            session: CallerSession(accessKeyID: "ASIAEXAMPLE", issuedAt: now, expiresAt: now + .seconds(3_600)))
    }

    @Test func aRoleStandsForItsSessions() throws {
        let policy = try Self.policy(Self.pull + #"{"AWS":"arn:aws:iam::444455556666:role/ci/puller"}"#)
        let session = try Self.session("AROAEXAMPLEEXAMPLE00", of: Self.other)
        let foreign = try Self.session("AROAEXAMPLEEXAMPLE01", of: Self.home)
        #expect(Self.decide(policy, session) == .allowed)
        #expect(Self.decide(policy, foreign) == .silent)
        let byID = try Self.policy(Self.pull + #"{"AWS":"AROAEXAMPLEEXAMPLE00"}"#)
        #expect(Self.decide(byID, session) == .allowed)
        #expect(Self.decide(byID, foreign) == .silent)
    }

    @Test func aDenyOnAnAccountDeniesEveryoneInIt() throws {
        let policy = try Self.policy(#""Effect":"Deny","Action":"*","Principal":{"AWS":"444455556666"}"#)
        #expect(Self.decide(policy, try Self.caller(Self.other)) == .denied)
        #expect(Self.decide(policy, try Self.caller(Self.other, user: "ann")) == .denied)
        #expect(Self.decide(policy, try Self.caller(Self.home)) == .silent)
    }

    @Test func notPrincipalSparesAUserOnlyTogetherWithItsAccount() throws {
        let deny = #""Effect":"Deny","Action":"ecr:*","NotPrincipal":{"AWS":["#
        let userAlone = try Self.policy(deny + #""arn:aws:iam::111122223333:user/ann"]}"#)
        let both = try Self.policy(deny + #""arn:aws:iam::111122223333:user/ann","111122223333"]}"#)
        #expect(Self.decide(userAlone, try Self.caller(Self.home, user: "ann")) == .denied)
        #expect(Self.decide(both, try Self.caller(Self.home, user: "ann")) == .silent)
        #expect(Self.decide(both, try Self.caller(Self.home)) == .silent)
        #expect(Self.decide(both, try Self.caller(Self.home, user: "bob")) == .denied)
        #expect(Self.decide(both, try Self.caller(Self.other)) == .denied)
    }

    @Test(
        "Actions and wildcards",
        arguments: [
            (#""Action":"ecr:*""#, true), (#""Action":"*""#, true), (#""Action":"ECR:batchgetimage""#, true),
            (#""Action":["ecr:PutImage","ecr:Batch*"]"#, true), (#""Action":"ecr:BatchGetImag?""#, true),
            (#""Action":"ecr:PutImage""#, false), (#""Action":"s3:*""#, false),
            (#""NotAction":"ecr:PutImage""#, true), (#""NotAction":["ecr:Batch*"]"#, false),
        ])
    func actions(action: String, isAllowed: Bool) throws {
        let policy = try Self.policy(#""Effect":"Allow","Principal":"*",\#(action)"#)
        #expect((Self.decide(policy, try Self.caller(Self.other)) == .allowed) == isAllowed)
    }

    @Test(
        "What an operator may do is given only where the policy spells it",
        arguments: [
            (#""Action":"*""#, false), (#""Action":["ecr:*","*"]"#, false), (#""NotAction":"ecr:PutImage""#, false),
            (#""Action":"ecr:*""#, false), (#""Action":"weir:*""#, true),
            (#""Action":"WEIR:startgarbagecollection""#, true), (#""Action":["ecr:*","weir:Start*"]"#, true),
            (#""Action":"weir:ListRuns""#, false), (#""Action":"weir:?tartGarbageCollection""#, true),
        ])
    func operators(action: String, isAllowed: Bool) throws {
        let allow = try Self.policy(#""Effect":"Allow","Principal":"*",\#(action)"#)
        try allow.checkActions()
        let mayCollect = Self.decide(allow, try Self.caller(Self.other), "weir:StartGarbageCollection", resource: "*")
        #expect((mayCollect == .allowed) == isAllowed)
    }

    @Test(arguments: [#""Action":"*""#, #""NotAction":"ecr:PutImage""#, #""Action":"weir:Start*""#])
    func aDenyTakesItByAnyPattern(action: String) throws {
        let deny = try Self.policy(#""Effect":"Deny","Principal":"*",\#(action)"#)
        #expect(Self.decide(deny, try Self.caller(Self.home), "weir:StartGarbageCollection", resource: "*") == .denied)
    }

    @Test func aMisspeltOperatorsActionIsRefused() throws {
        #expect(throws: PolicyError.self) {
            try Self.policy(#""Effect":"Allow","Principal":"*","Action":"weir:StartGarbageColection""#).checkActions()
        }
    }

    @Test(
        "Resources",
        arguments: [
            (#""Resource":"*""#, true), (#""Resource":"arn:aws:ecr:us-east-1:111122223333:repository/team/*""#, true),
            (#""Resource":"arn:aws:ecr:*:*:repository/other""#, false),
            (#""NotResource":"arn:aws:ecr:us-east-1:111122223333:repository/team/*""#, false),
            (#""Resource":"arn:aws:ecr:us-east-1:${aws:PrincipalAccount}:repository/${aws:userid}/app""#, false),
            (#""Resource":"arn:aws:ecr:us-east-1:111122223333:repository/${ecr:ResourceTag/group, 'team'}/app""#, true),
        ])
    func resources(resource: String, isAllowed: Bool) throws {
        let policy = try Self.policy(#""Effect":"Allow","Principal":"*","Action":"ecr:*",\#(resource)"#)
        let context = ["aws:PrincipalAccount": [Self.home], "aws:userid": ["*"]]
        #expect((Self.decide(policy, try Self.caller(Self.other), context: context) == .allowed) == isAllowed)
    }

    @Test("An explicit Deny wins, wherever it stands")
    func denyWins() throws {
        let policy = try PolicyDocument(
            #"{"Statement":[{"Effect":"Deny","Principal":"*","Action":"ecr:BatchGetImage"},"#
                + #"{"Effect":"Allow","Principal":"*","Action":"ecr:*"}]}"#)
        #expect(Self.decide(policy, try Self.caller(Self.home)) == .denied)
        #expect(Self.decide(policy, try Self.caller(Self.home), "ecr:PutImage") == .allowed)
        let allow = try Self.policy(#""Effect":"Allow","Principal":"*","Action":"*""#)
        let request = AuthorizationRequest(
            caller: try Self.caller(Self.home), action: "ecr:BatchGetImage", resource: "*", owner: try AccountID(Self.other),
            context: PolicyContext())
        let layers = [allow, policy].map { NamedPolicy(.resource("policy"), $0) }
        #expect(Authorizer.decide(request, PolicyLayers(resource: layers)).verdict == .explicitDeny(.resource))
        #expect(Authorizer.decide(request, PolicyLayers()).verdict == .implicitDeny(.resource))
    }

    private static let context: [String: [String]] = [
        "aws:SourceIp": ["203.0.113.7"], "aws:SecureTransport": ["true"], "aws:PrincipalArn": ["arn:aws:iam::1:user/ann"],
        "aws:CurrentTime": ["2026-05-01T00:00:00Z"], "aws:TagKeys": ["team", "stage"], "ecr:ResourceTag/team": ["Blue"],
        "aws:EpochTime": ["1000"], "aws:username": ["a*"],
    ]

    @Test(
        "Conditions",
        arguments: [
            (#""StringEquals":{"ecr:ResourceTag/team":"Blue"}"#, true),
            (#""StringEquals":{"ECR:resourcetag/TEAM":["Red","Blue"]}"#, true),
            (#""StringEquals":{"ecr:ResourceTag/team":"blue"}"#, false),
            (#""StringEqualsIgnoreCase":{"ecr:ResourceTag/team":"bLUE"}"#, true),
            (#""StringNotEquals":{"ecr:ResourceTag/team":["Red","Blue"]}"#, false),
            (#""StringNotEquals":{"ecr:ResourceTag/none":"x"}"#, true),
            (#""StringEquals":{"ecr:ResourceTag/none":"x"}"#, false),
            (#""StringEqualsIfExists":{"ecr:ResourceTag/none":"x"}"#, true),
            (#""StringLike":{"ecr:ResourceTag/team":"B*e"}"#, true),
            (#""StringEquals":{"ecr:ResourceTag/team":"B*e"}"#, false),
            (#""StringNotLike":{"ecr:ResourceTag/team":"B*"}"#, false),
            (#""StringLike":{"aws:PrincipalArn":"*:user/${aws:username}"}"#, false),
            (#""StringEquals":{"aws:username":"${aws:username}"}"#, true),
            (#""ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:user/*"}"#, true),
            (#""ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::*:role/*"}"#, false),
            (#""ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/*"}"#, true),
            (#""IpAddress":{"aws:SourceIp":["198.51.100.0/24","203.0.113.0/29"]}"#, true),
            (#""IpAddress":{"aws:SourceIp":"203.0.113.8/29"}"#, false),
            (#""NotIpAddress":{"aws:SourceIp":"203.0.113.7"}"#, false),
            (#""NotIpAddress":{"aws:SourceIp":"2001:db8::/32"}"#, true),
            (#""Bool":{"aws:SecureTransport":true}"#, true),
            (#""Bool":{"aws:SecureTransport":"false"}"#, false),
            (#""BoolIfExists":{"aws:MultiFactorAuthPresent":"true"}"#, true),
            (#""Null":{"aws:MultiFactorAuthPresent":"true"}"#, true),
            (#""Null":{"aws:SourceIp":"true"}"#, false),
            (#""DateGreaterThan":{"aws:CurrentTime":"2026-04-30T23:59:59Z"}"#, true),
            (#""DateLessThan":{"aws:CurrentTime":"2026-05-01T01:00:00+02:00"}"#, false),
            (#""DateLessThanEquals":{"aws:EpochTime":1000}"#, true),
            (#""NumericLessThan":{"aws:EpochTime":"1000.5"}"#, true),
            (#""NumericNotEquals":{"aws:EpochTime":1000}"#, false),
            (#""NumericEquals":{"aws:username":1}"#, false),
            (#""ForAllValues:StringEquals":{"aws:TagKeys":["team","stage","x"]}"#, true),
            (#""ForAllValues:StringEquals":{"aws:TagKeys":["team"]}"#, false),
            (#""ForAllValues:StringEquals":{"aws:Missing":["team"]}"#, true),
            (#""ForAnyValue:StringLike":{"aws:TagKeys":"st*"}"#, true),
            (#""ForAnyValue:StringEquals":{"aws:Missing":"team"}"#, false),
            (#""StringEquals":{"ecr:ResourceTag/team":"Blue"},"Bool":{"aws:SecureTransport":"false"}"#, false),
            (#""StringEquals":{"ecr:ResourceTag/team":[]}"#, false),
        ])
    func conditions(condition: String, holds: Bool) throws {
        let policy = try Self.policy(#""Effect":"Allow","Principal":"*","Action":"*","Condition":{\#(condition)}"#)
        #expect((Self.decide(policy, try Self.caller(Self.other), context: Self.context) == .allowed) == holds)
        #expect(policy.readsContext)
    }

    @Test(
        "Addresses that a range holds",
        arguments: [
            ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.1", false), ("0.0.0.0/0", "8.8.8.8", true),
            ("0.0.0.0/0", "::1", false), ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/33", "2001:db8:ffff::1", false),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true), ("fe80::/10", "fe80::1%eth0", true), ("::1", "0:0:0:0:0:0:0:1", true),
            ("10.0.0.0/8", "10.0.0", false), ("10.0.0.0/8", "not an address", false),
        ])
    func addresses(range: String, address: String, isHeld: Bool) throws {
        let policy = try Self.policy(
            #""Effect":"Allow","Principal":"*","Action":"*","Condition":{"IpAddress":{"aws:SourceIp":"\#(range)"}}"#)
        let decision = Self.decide(policy, try Self.caller(Self.other), context: ["aws:SourceIp": [address]])
        #expect((decision == .allowed) == isHeld)
    }

    @Test("The old language has no variables")
    func oldLanguage() throws {
        let members = #""Effect":"Allow","Principal":"*","Action":"*","Condition":{"StringEquals":{"k":"${aws:userid}"}}"#
        let old = try Self.policy(members, version: "2008-10-17")
        let new = try Self.policy(members)
        let caller = try Self.caller(Self.other)
        #expect(Self.decide(old, caller, context: ["k": ["${aws:userid}"], "aws:userid": ["x"]]) == .allowed)
        #expect(Self.decide(new, caller, context: ["k": ["x"], "aws:userid": ["x"]]) == .allowed)
        #expect(Self.decide(new, caller, context: ["k": ["x"]]) == .silent)
    }

    @Test(
        "Documents ECR accepts",
        arguments: [
            #"{"Version":"2008-10-17","Statement":{"Sid":"any text, not unique","Effect":"Deny","Principal":"*","Action":["ecr:*"]}}"#,
            #"{"Id":"x","Statement":[{"Effect":"Allow","Principal":{"AWS":["111122223333"],"Service":["codebuild.amazonaws.com"]},"Action":"ecr:BatchGetImage","Condition":{"ArnLike":{"aws:SourceArn":"arn:aws:codebuild:*:*:project/*"},"StringEquals":{"aws:SourceAccount":"111122223333"}}}]}"#,
            #"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","NotPrincipal":{"AWS":"arn:aws-cn:iam::111122223333:role/a/b"},"NotAction":"ecr:Put*","Resource":["*"]}]}"#,
            " {\n\t\"Statement\" : { \"Sid\":\"\\u0041\\ud83d\\ude00\\n\", \"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"*\","
                + "\"Condition\":{\"NumericLessThan\":{\"a\":[-1.5e3,0,1E2]}, \"Bool\":{\"b\":[true,false]}} } }\r\n",
        ])
    func accepted(text: String) throws {
        #expect(throws: Never.self) { try PolicyDocument(text) }
    }

    private static let good = #""Effect":"Allow","Principal":"*","Action":"ecr:*""#

    @Test(
        "Documents ECR refuses",
        arguments: [
            "", "null", "[]", "{}", "not json", #"{"Version":"2012-10-17"}"#, #"{"Statement":[]}"#, #"{"Statement":"x"}"#,
            #"{"Statement":[1]}"#, #"{"Version":"2020-01-01","Statement":[{\#(good)}]}"#,
            #"{"Version":1,"Statement":[{\#(good)}]}"#, #"{"Statement":[{\#(good)}],"Extra":1}"#,
            #"{"Statement":[{\#(good),"Effcet":"Deny"}]}"#, #"{"Statement":[{\#(good),"Sid":1}]}"#,
            #"{"Statement":[{"Effect":"allow","Principal":"*","Action":"ecr:*"}]}"#,
            #"{"Statement":[{"Effect":"Allow","Action":"ecr:*"}]}"#, #"{"Statement":[{"Effect":"Allow","Principal":"*"}]}"#,
            #"{"Statement":[{\#(good),"NotAction":"ecr:*"}]}"#, #"{"Statement":[{\#(good),"NotPrincipal":"*"}]}"#,
            #"{"Statement":[{\#(good),"Effect":"Deny"}]}"#, #"{"Statement":[{"Effect":"Allow","Principal":"*","Action":[]}]}"#,
            #"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"BatchGetImage"}]}"#,
            #"{"Statement":[{"Effect":"Allow","Principal":"*","Action":["ecr:*",7]}]}"#,
            #"{"Statement":[{"Effect":"Allow","Principal":"111122223333","Action":"ecr:*"}]}"#,
            #"{"Statement":[{"Effect":"Allow","Principal":{},"Action":"ecr:*"}]}"#,
            #"{"Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/*"},"Action":"ecr:*"}]}"#,
            #"{"Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::1:root"},"Action":"ecr:*"}]}"#,
            #"{"Statement":[{"Effect":"Allow","Principal":{"Everyone":"*"},"Action":"ecr:*"}]}"#,
            #"{"Statement":[{\#(good),"Resource":"repository/x"}]}"#, #"{"Statement":[{\#(good),"Condition":[]}]}"#,
            #"{"Statement":[{\#(good),"Condition":{"StringMatches":{"a":"b"}}}]}"#,
            #"{"Statement":[{\#(good),"Condition":{"NullIfExists":{"a":"true"}}}]}"#,
            #"{"Statement":[{\#(good),"Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/33"}}}]}"#,
            #"{"Statement":[{\#(good),"Condition":{"IpAddress":{"aws:SourceIp":"010.0.0.1"}}}]}"#,
            #"{"Statement":[{\#(good),"Condition":{"Bool":{"a":"yes"}}}]}"#,
            #"{"Statement":[{\#(good),"Condition":{"NumericEquals":{"a":"one"}}}]}"#,
            #"{"Statement":[{\#(good),"Condition":{"DateEquals":{"a":"2026-02-30"}}}]}"#,
            #"{"Statement":[{\#(good),"Condition":{"ArnLike":{"a":"arn:aws:iam"}}}]}"#,
            #"{"Statement":[{\#(good),"Condition":{"StringEquals":{"a":{"b":"c"}}}}]}"#,
            #"{"Version":"2012-10-17","Statement":[{\#(good),"Resource":"arn:aws:ecr:r:1:repository/${aws:userid"}]}"#,
            #"{"Statement":[{\#(good)}],"Id":"\#(String(repeating: "x", count: 10_240))"}"#,
            #"{"Statement":[{\#(good)},]}"#, #"{"Statement":[{\#(good)}]} x"#, #"{"Statement":[{\#(good),"Sid":"\u12"}]}"#,
            #"{"Statement":[{\#(good),"Sid":"\ud800"}]}"#, #"{"Statement":[{\#(good),"Condition":{"NumericEquals":{"a":01}}}]}"#,
            String(repeating: "[", count: 5_000), #"{"Statement":"# + String(repeating: #"{"a":"#, count: 1_500),
        ])
    func refused(text: String) {
        #expect(throws: PolicyError.self) { try PolicyDocument(text) }
    }

    @Test(
        "Dates that policies write",
        arguments: [
            ("1970-01-01", 0), ("2000-02-29T12:00:00Z", 951_825_600), ("2026-05-01T00:00:00.250Z", 1_777_593_600.25),
            ("1969-12-31T23:59:59Z", -1), ("2026-05-01T02:00:00+0200", 1_777_593_600), ("1900-03-01", -2_203_891_200),
        ])
    func dates(text: String, seconds: Double) {
        #expect(Timestamp(iso8601: text)?.seconds == seconds)
    }
}
