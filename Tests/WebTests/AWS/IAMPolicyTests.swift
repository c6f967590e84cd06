import Foundation
import NIOCore
import Testing
import WeirCore
import WeirIdentity
import WeirWeb

/// What IAM's operations on policies answer.
@Suite struct IAMPolicyTests {
    private static let arn = JSONValue.string("arn:aws:iam::111122223333:policy/team/Deploy")
    private static let spaced =
        "{\n \"Version\": \"2012-10-17\", \"Statement\": {\"Effect\": \"Allow\", \"Action\": \"ecr:*\", \"Resource\": \"*\", "
        + "\"Sid\": \"plus\"}}"

    private func deploy(_ iam: TestIAM) async throws -> JSONValue {
        try await iam.call(
            "CreatePolicy",
            [
                "PolicyName": "Deploy", "Path": "/team/", "Description": "d", "PolicyDocument": .string(Self.spaced),
                "Tags": [["Key": "b", "Value": ""], ["Key": "B", "Value": "1"]],
            ])
    }

    @Test func aPolicysAnswers() async throws {
        let iam = try await TestIAM()
        let common = [
            "Arn", "AttachmentCount", "CreateDate", "DefaultVersionId", "IsAttachable", "Path", "PermissionsBoundaryUsageCount",
            "PolicyId", "PolicyName", "UpdateDate",
        ]
        let made = try #require(try await deploy(iam)["Policy"])
        #expect(made.names == (common + ["Tags"]).sorted())
        #expect(made["Arn"] == Self.arn && made["DefaultVersionId"] == "v1" && made["IsAttachable"] == true)
        let got = try #require(try await iam.call("GetPolicy", ["PolicyArn": Self.arn])["Policy"])
        #expect(got.names == (common + ["Tags", "Description"]).sorted())
        #expect(got["Tags"]?.array.map { $0["Key"] } == ["B", "b"])
        let aws = try #require(
            try await iam.call("GetPolicy", ["PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"])["Policy"])
        #expect(aws.names == (common + ["Tags"]).sorted() && aws["Tags"] == [])
        let listed = try await iam.call("ListPolicies", ["Scope": "Local"])
        #expect(listed["Policies"]?.array.map(\.names) == [common] && listed["IsTruncated"] == false)
        try await iam.call("CreatePolicy", ["PolicyName": "bare", "PolicyDocument": .string(TestIAM.anything)])
        #expect(
            try await iam.refusal("CreatePolicy", ["PolicyName": "DEPLOY", "PolicyDocument": .string(TestIAM.anything)])
                == "entityAlreadyExists: A policy called DEPLOY already exists. Duplicate names are not allowed.")
    }

    @Test func versionsAnswers() async throws {
        let iam = try await TestIAM()
        _ = try await deploy(iam)
        let made = try await iam.call(
            "CreatePolicyVersion", ["PolicyArn": Self.arn, "PolicyDocument": .string(TestIAM.nothing), "SetAsDefault": "true"])
        #expect(made["PolicyVersion"]?.names == ["CreateDate", "IsDefaultVersion", "VersionId"])
        #expect(made["PolicyVersion"]?["IsDefaultVersion"] == true && made["PolicyVersion"]?["VersionId"] == "v2")
        let got = try await iam.call("GetPolicyVersion", ["PolicyArn": Self.arn, "VersionId": "v1"])["PolicyVersion"]
        #expect(got?["Document"]?.string?.removingPercentEncoding == Self.spaced)
        #expect(got?["Document"]?.string?.contains("+") == false && got?["IsDefaultVersion"] == false)
        var (ids, marker): ([JSONValue?], JSONValue?) = ([], nil)
        repeat {
            let page = try await iam.call(
                "ListPolicyVersions", JSONValue.object(["PolicyArn": Self.arn, "MaxItems": "1"]).adding(["Marker": marker]))
            ids += page["Versions"]?.array.map { $0["VersionId"] } ?? []
            marker = page["Marker"]
        } while marker != nil
        #expect(ids == ["v2", "v1"])
        #expect(
            try await iam.refusal("GetPolicyVersion", ["PolicyArn": Self.arn, "VersionId": "1"])
                == #"validation: 1 validation error detected: Value at 'versionId' failed to satisfy constraint: Member must satisfy "#
                + #"regular expression pattern: v[1-9][0-9]*(\.[A-Za-z0-9-]*)?"#)
        try await iam.call("SetDefaultPolicyVersion", ["PolicyArn": Self.arn, "VersionId": "v1"])
        try await iam.call("DeletePolicyVersion", ["PolicyArn": Self.arn, "VersionId": "v2"])
        try await iam.call("DeletePolicy", ["PolicyArn": Self.arn])
    }

    /// All that is wrong with a call is told together, before its caller's rights are asked for.
    @Test func violationsAreToldTogether() async throws {
        let iam = try await TestIAM()
        let eve = try await iam.made(.user, "eve")
        let refusal = try await iam.refusal(
            "CreatePolicy", ["PolicyName": "a b", "Path": "x", "PolicyDocument": "\u{0}"], by: eve)
        #expect(refusal?.hasPrefix("validation: 4 validation errors detected: Value at 'policyName'") == true, "\(refusal ?? "")")
        for (operation, input) in [
            ("AttachUserPolicy", ["UserName": "a b", "PolicyArn": "x"]),
            ("PutUserPermissionsBoundary", ["UserName": "a b", "PermissionsBoundary": "x"]),
            ("GetPolicyVersion", ["PolicyArn": "x", "VersionId": "x"]),
            ("DeleteRolePolicy", ["RoleName": "", "PolicyName": "a b"]),
        ] as [(String, JSONValue)] {
            let refusal = try await iam.refusal(operation, input) ?? ""
            #expect(
                refusal.contains("2 validation errors detected: ") || refusal.contains("3 validation errors detected: "),
                "\(operation): \(refusal)")
        }
        #expect(
            try await iam.refusal("AttachUserPolicy", ["UserName": "eve", "PolicyArn": "arn:aws:iam::aws:pol/x"])
                == "validation: ARN arn:aws:iam::aws:pol/x is not valid.")
    }

    @Test func attachmentsInlinePoliciesAndBoundaries() async throws {
        let iam = try await TestIAM()
        _ = try await deploy(iam)
        for (kind, word) in [(EntityKind.user, "User"), (.group, "Group"), (.role, "Role")] {
            let name = "\(kind.rawValue)1"
            try await iam.made(kind, name)
            let owner: [String: JSONValue] = ["\(word)Name": .string(name.uppercased())]
            func input(_ more: [String: JSONValue] = [:]) -> JSONValue { .object(owner.merging(more) { $1 }) }
            try await iam.call("Attach\(word)Policy", input(["PolicyArn": Self.arn]))
            #expect(
                try await iam.call("ListAttached\(word)Policies", input())
                    == ["AttachedPolicies": [["PolicyName": "Deploy", "PolicyArn": Self.arn]], "IsTruncated": false])
            #expect(try await iam.call("ListAttached\(word)Policies", input(["PathPrefix": "/other/"]))["AttachedPolicies"] == [])
            try await iam.call("Put\(word)Policy", input(["PolicyName": "in", "PolicyDocument": .string(Self.spaced)]))
            let got = try await iam.call("Get\(word)Policy", input(["PolicyName": "in"]))
            #expect(got["\(word)Name"] == .string(name) && got["PolicyName"] == "in")
            #expect(got["PolicyDocument"]?.string?.removingPercentEncoding == Self.spaced)
            #expect(try await iam.call("List\(word)Policies", input()) == ["PolicyNames": ["in"], "IsTruncated": false])
            try await iam.call("Delete\(word)Policy", input(["PolicyName": "in"]))
            #expect(
                try await iam.refusal("Get\(word)Policy", input(["PolicyName": "in"]))
                    == "noSuchEntity: The \(kind.rawValue) policy with name in cannot be found.")
            if kind != .group {
                try await iam.call("Put\(word)PermissionsBoundary", input(["PermissionsBoundary": Self.arn]))
            }
        }
        let entities = try await iam.call("ListEntitiesForPolicy", ["PolicyArn": Self.arn])
        #expect(entities["PolicyUsers"] == [["UserName": "user1", "UserId": "AIDAuser1"]])
        #expect(entities["PolicyGroups"] == [["GroupName": "group1", "GroupId": "AIDAgroup1"]])
        #expect(entities["PolicyRoles"] == [["RoleName": "role1", "RoleId": "AIDArole1"]])
        let roles = try await iam.call("ListEntitiesForPolicy", ["PolicyArn": Self.arn, "EntityFilter": "Role"])
        #expect(roles["PolicyUsers"] == [] && roles["PolicyRoles"]?.array.count == 1)
        let policy = try await iam.call("GetPolicy", ["PolicyArn": Self.arn])["Policy"]
        #expect(policy?["AttachmentCount"] == 3 && policy?["PermissionsBoundaryUsageCount"] == 2)
        for word in ["User", "Role"] {
            try await iam.call("Delete\(word)PermissionsBoundary", .object(["\(word)Name": .string("\(word)1")]))
        }
        #expect(
            try await iam.refusal("DeletePolicy", ["PolicyArn": Self.arn])
                == "deleteConflict: Cannot delete a policy attached to entities.")
    }

    @Test func aKeyThatIsNeverFilledIsToldToTheAuthor() async throws {
        let iam = try await TestIAM()
        try await iam.made(.user, "bob")
        let document = TestIAM.policy(
            #"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:SourceVpc":"vpc-1"}}}"#)
        let calls: [(String, JSONValue)] = [
            ("CreatePolicy", ["PolicyName": "p", "PolicyDocument": .string(document)]),
            ("CreatePolicyVersion", ["PolicyArn": "arn:aws:iam::111122223333:policy/p", "PolicyDocument": .string(document)]),
            ("PutUserPolicy", ["UserName": "bob", "PolicyName": "p", "PolicyDocument": .string(document)]),
        ]
        for (operation, input) in calls {
            let warnings = try await iam.warned(operation, input).warnings
            #expect(warnings.all.count == 1 && warnings.all[0].contains("aws:sourcevpc"), "\(operation)")
        }
        #expect(
            try await iam.warned("CreatePolicy", ["PolicyName": "q", "PolicyDocument": .string(TestIAM.anything)]).warnings.all
                .isEmpty)
    }

    @Test func providersAnswers() async throws {
        let iam = try await TestIAM()
        let made = try await iam.call(
            "CreateOpenIDConnectProvider",
            ["Url": "https://issuer.example/a", "ClientIDList": ["sts.amazonaws.com"], "Tags": [["Key": "k", "Value": "v"]]])
        let arn = JSONValue.string("arn:aws:iam::111122223333:oidc-provider/issuer.example/a")
        #expect(made == ["OpenIDConnectProviderArn": arn, "Tags": [["Key": "k", "Value": "v"]]])
        try await iam.call("AddClientIDToOpenIDConnectProvider", ["OpenIDConnectProviderArn": arn, "ClientID": "other"])
        try await iam.call(
            "UpdateOpenIDConnectProviderThumbprint",
            ["OpenIDConnectProviderArn": arn, "ThumbprintList": [.string(String(repeating: "0", count: 40))]])
        let got = try await iam.call("GetOpenIDConnectProvider", ["OpenIDConnectProviderArn": arn])
        #expect(got.names == ["ClientIDList", "CreateDate", "Tags", "ThumbprintList", "Url"])
        #expect(got["Url"] == "issuer.example/a" && got["ClientIDList"] == ["sts.amazonaws.com", "other"])
        #expect(try await iam.call("ListOpenIDConnectProviders") == ["OpenIDConnectProviderList": [["Arn": arn]]])
        #expect(
            try await iam.refusal("CreateOpenIDConnectProvider", ["Url": "http://issuer.example"])
                == "validation: Invalid Open ID Connect Provider URL")
        #expect(
            try await iam.refusal("CreateOpenIDConnectProvider", ["Url": "https://x.example", "ThumbprintList": ["abc"]])?
                .hasPrefix("validation: 1 validation error detected: Value at 'thumbprintList'") == true)
        try await iam.call("UntagOpenIDConnectProvider", ["OpenIDConnectProviderArn": arn, "TagKeys": ["k"]])
        #expect(
            try await iam.call("ListOpenIDConnectProviderTags", ["OpenIDConnectProviderArn": arn])
                == ["Tags": [], "IsTruncated": false])
        try await iam.call("DeleteOpenIDConnectProvider", ["OpenIDConnectProviderArn": arn])
    }
}

/// The account as a whole, the simulator, and all of it on the wire.
@Suite struct IAMAccountTests {
    @Test func theSummaryHasThirtyFourNumbers() async throws {
        let iam = try await TestIAM()
        try await iam.made(.user, "bob")
        let summary = try await iam.call("GetAccountSummary")["SummaryMap"]
        #expect(summary?.names.count == 34)
        #expect(summary?["Users"] == 1 && summary?["AccountAccessKeysPresent"] == 1 && summary?["PolicySizeQuota"] == 6_144)
    }

    @Test func aliases() async throws {
        let iam = try await TestIAM()
        #expect(try await iam.call("ListAccountAliases") == ["AccountAliases": [], "IsTruncated": false])
        try await iam.call("CreateAccountAlias", ["AccountAlias": "our-team"])
        #expect(try await iam.call("ListAccountAliases")["AccountAliases"] == ["our-team"])
        #expect(try await iam.refusal("CreateAccountAlias", ["AccountAlias": "a--b"])?.hasPrefix("validation: ") == true)
        try await iam.call("DeleteAccountAlias", ["AccountAlias": "our-team"])
    }

    @Test func everythingThatAnAccountHas() async throws {
        let iam = try await TestIAM()
        try await iam.made(.user, "bob")
        try await iam.made(.role, "ci", path: "/team/")
        try await iam.allow("bob", "ecr:*")
        try await iam.call("CreatePolicy", ["PolicyName": "p", "PolicyDocument": .string(TestIAM.anything)])
        let arn = JSONValue.string("arn:aws:iam::111122223333:policy/p")
        try await iam.call("AttachRolePolicy", ["RoleName": "ci", "PolicyArn": arn])
        try await iam.call("PutUserPermissionsBoundary", ["UserName": "bob", "PermissionsBoundary": arn])
        let details = try await iam.call("GetAccountAuthorizationDetails")
        let bob = try #require(details["UserDetailList"]?.array.first)
        #expect(bob["PermissionsBoundary"] == ["PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn])
        #expect(bob["UserPolicyList"]?.array.first?["PolicyName"] == "only" && bob["GroupList"] == [])
        let role = try #require(details["RoleDetailList"]?.array.first)
        #expect(role["AttachedManagedPolicies"] == [["PolicyName": "p", "PolicyArn": arn]])
        #expect(role["AssumeRolePolicyDocument"] == "%7B%7D" && role["InstanceProfileList"] == [] && role["RoleLastUsed"] == [:])
        let policy = try #require(details["Policies"]?.array.first)
        #expect(policy["PolicyVersionList"]?.array.first?["Document"]?.string?.removingPercentEncoding == TestIAM.anything)
        let users = try await iam.call("GetAccountAuthorizationDetails", ["Filter": ["User"]])
        #expect(users["RoleDetailList"] == [] && users["Policies"] == [] && users["UserDetailList"]?.array.count == 1)
        #expect(
            try await iam.refusal("GetAccountAuthorizationDetails", ["Filter": ["Nobody"]])?.hasPrefix("validation: ") == true)
    }

    @Test func theSimulatorsAnswer() async throws {
        let iam = try await TestIAM()
        try await iam.made(.user, "bob")
        try await iam.put(
            "bob",
            #"{"Effect":"Allow","Action":"ecr:*","Resource":"*"},{"Effect":"Deny","Action":"ecr:Delete*","Resource":"*"}"#)
        let source = JSONValue.string("arn:aws:iam::111122223333:user/bob")
        let simulation: [String: JSONValue] = [
            "PolicySourceArn": source, "ActionNames": ["ecr:PutImage", "ecr:DeleteRepository", "kms:Decrypt"], "MaxItems": "2",
        ]
        let first = try await iam.call("SimulatePrincipalPolicy", .object(simulation))
        let results = first["EvaluationResults"]?.array ?? []
        let place: JSONValue = [
            "SourcePolicyId": "user_bob_only", "SourcePolicyType": "IAM Policy", "StartPosition": ["Line": 1, "Column": 38],
            "EndPosition": ["Line": 1, "Column": 88],
        ]
        #expect(
            results.first == [
                "EvalActionName": "ecr:PutImage", "EvalResourceName": "*", "EvalDecision": "allowed",
                "MatchedStatements": [place],
                "MissingContextValues": [], "EvalDecisionDetails": [:],
                "OrganizationsDecisionDetail": ["AllowedByOrganizations": true],
                "ResourceSpecificResults": [
                    [
                        "EvalResourceName": "*", "EvalResourceDecision": "allowed", "MatchedStatements": [place],
                        "MissingContextValues": [],
                    ]
                ],
            ])
        #expect(results.map { $0["EvalDecision"] } == ["allowed", "explicitDeny"] && first["IsTruncated"] == true)
        let marker = try #require(first["Marker"])
        let second = try await iam.call("SimulatePrincipalPolicy", .object(simulation.merging(["Marker": marker]) { $1 }))
        #expect(
            second["EvaluationResults"]?.array.map { $0["EvalDecision"] } == ["implicitDeny"] && second["IsTruncated"] == false)
        #expect(
            try await iam.refusal(
                "SimulatePrincipalPolicy",
                ["PolicySourceArn": "arn:aws:sts::111122223333:assumed-role/ci/run", "ActionNames": ["ecr:PutImage"]])
                == "iamInvalidInput: Invalid Entity Arn: arn:aws:sts::111122223333:assumed-role/ci/run")
    }

    @Test func theSimulatorsInput() async throws {
        let iam = try await TestIAM()
        let conditional = TestIAM.policy(
            #"{"Effect":"Allow","Action":"ecr:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"true"}}}"#)
        func verdict(_ more: [String: JSONValue]) async throws -> JSONValue? {
            let input: [String: JSONValue] = ["PolicyInputList": [.string(conditional)], "ActionNames": ["ecr:PutImage"]]
            return try await iam.call("SimulateCustomPolicy", .object(input.merging(more) { $1 }))["EvaluationResults"]?.array
                .first
        }
        #expect(try await verdict([:])?["MissingContextValues"] == ["aws:SecureTransport"])
        let secure: JSONValue = [
            ["ContextKeyName": "aws:SecureTransport", "ContextKeyValues": ["true"], "ContextKeyType": "boolean"]
        ]
        let allowed = try await verdict([
            "ContextEntries": secure, "ResourceArns": ["arn:aws:ecr:us-east-1:444455556666:repository/x"],
        ])
        #expect(allowed?["EvalDecision"] == "allowed")
        let bounded = try await verdict([
            "ContextEntries": secure, "PermissionsBoundaryPolicyInputList": [.string(TestIAM.nothing)],
        ])
        #expect(bounded?["PermissionsBoundaryDecisionDetail"] == ["AllowedByPermissionsBoundary": false])
        #expect(bounded?["EvalDecision"] == "explicitDeny")
        #expect(
            try await iam.call("GetContextKeysForCustomPolicy", ["PolicyInputList": [.string(conditional)]])
                == ["ContextKeyNames": ["aws:SecureTransport"]])
        let good: [String: JSONValue] = ["PolicyInputList": [.string(conditional)], "ActionNames": ["ecr:PutImage"]]
        let bad: [[String: JSONValue]] = [
            ["ActionNames": []], ["ActionNames": ["x"]], ["ActionNames": ["no-colon"]], ["PolicyInputList": ["{}"]],
            ["PolicyInputList": [.string(String(repeating: "[", count: 131_072))]], ["ResourcePolicy": "{}"],
            ["ResourcePolicy": .string(conditional)], ["CallerArn": "x"], ["CallerArn": "arn:aws:iam::111122223333:role/x"],
            ["ContextEntries": [["ContextKeyName": "x"]]], ["ContextEntries": [["ContextKeyType": "colour"]]],
            ["PermissionsBoundaryPolicyInputList": [.string(conditional), .string(conditional)]],
            ["ResourceOwner": "me", "CallerArn": "arn:aws:iam::111122223333:user/x"], ["Marker": "x"],
            ["MaxItems": "9223372036854775807"], ["ContextEntries": "x"],
        ]
        for change in bad {
            let refusal = try await iam.refusal("SimulateCustomPolicy", .object(good.merging(change) { $1 }))
            #expect(
                ["validation", "iamInvalidInput", "malformedInput"].contains(refusal?.prefix { $0 != ":" }.description),
                "\(change)")
        }
    }

    /// Many actions on many resources with long documents: each answer is a part, and the parts go on.
    @Test func aGreatSimulationComesInParts() async throws {
        let iam = try await TestIAM()
        let actions = JSONValue.array((1...1_000).map { .string("ecr:A\($0)") })
        let long = String(repeating: " ", count: 131_000 - TestIAM.anything.count) + TestIAM.anything
        let page = try await iam.call(
            "SimulateCustomPolicy",
            [
                "PolicyInputList": [.string(long), .string(long)], "ActionNames": actions,
                "ResourceArns": .array((1...1_000).map { .string("arn:\($0)") }), "MaxItems": "1000",
            ])
        #expect(page["EvaluationResults"]?.array.count == 76 && page["IsTruncated"] == true)
    }

    @Test func onTheWire() async throws {
        let iam = try await TestIAM()
        func text(_ form: String) async throws -> String {
            String(buffer: await iam.aws.respond(to: iam.aws.query("Version=2010-05-08&" + form, service: .iam)).body)
        }
        let made = try await text(
            "Action=CreatePolicy&PolicyName=p&PolicyDocument=%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%7B%22Effect%22%3A"
                + "%22Allow%22%2C%22Action%22%3A%22ecr%3A%2A%22%2C%22Resource%22%3A%22%2A%22%7D%7D&Tags.member.1.Key=k&Tags.member.1.Value=v+w"
        )
        #expect(made.contains("<CreatePolicyResult><Policy><Arn>arn:aws:iam::111122223333:policy/p</Arn>"), "\(made)")
        #expect(made.contains("<Tags><member><Key>k</Key><Value>v w</Value></member></Tags>"))
        let version = try await text("Action=GetPolicyVersion&VersionId=v1&PolicyArn=arn:aws:iam::111122223333:policy/p")
        #expect(version.contains("<Document>%7B%22Version%22%3A%222012-10-17%22"), "\(version)")
        let summary = try await text("Action=GetAccountSummary")
        #expect(summary.contains("<SummaryMap><entry><key>AccessKeysPerUserQuota</key><value>2</value></entry>"))
        let missing = try await text("Action=GetPolicy&PolicyArn=arn:aws:iam::111122223333:policy/none")
        #expect(
            missing.contains(
                "<Code>NoSuchEntity</Code><Message>Policy arn:aws:iam::111122223333:policy/none was not found.</Message>"))
        let nothing = try await text("Action=DeletePolicy&PolicyArn=arn:aws:iam::111122223333:policy/p")
        #expect(nothing.contains("<DeletePolicyResponse") && !nothing.contains("Result"))
        let simulated = try await text(
            "Action=SimulateCustomPolicy&ActionNames.member.1=a:b&PolicyInputList.member.1=%7B%22Version%22:%222012-10-17%22,%22Statement%22:"
                + "[%7B%22Effect%22:%22Allow%22,%22Action%22:%22*%22,%22Resource%22:%22*%22%7D]%7D")
        #expect(
            simulated.contains("<EvalDecision>allowed</EvalDecision>") && simulated.contains("<MissingContextValues/>"),
            "\(simulated)")
    }
}
