import Foundation
import Testing
import WeirCore
import WeirIdentity
import WeirWeb

/// Ways from a right on policies to every right: each is asked for exactly, stopped by its conditions, and has a boundary and a
/// session as its ceiling.
@Suite struct PolicyEscalationTests {
    private static let base = "arn:aws:iam::111122223333:"
    private static let issuer = "arn:aws:iam::111122223333:oidc-provider/issuer.example"
    private static let document = JSONValue.string(TestIAM.anything)

    struct Row: Sendable, CustomTestStringConvertible {
        let operation: String
        let input: JSONValue
        /// What it is asked on.
        let resource: String
        var testDescription: String { operation }

        init(_ operation: String, _ input: JSONValue, on resource: String) {
            self.operation = operation
            self.input = input
            self.resource = resource
        }
    }

    private static let administrator = JSONValue.string("arn:aws:iam::aws:policy/AdministratorAccess")
    private static let own = JSONValue.string("arn:aws:iam::111122223333:policy/team/p")

    private static let rows: [Row] = [
        Row(
            "CreatePolicy", ["PolicyName": "new", "Path": "/team/", "PolicyDocument": document], on: base + "policy/team/new"),
        Row(
            "CreatePolicyVersion", ["PolicyArn": own, "PolicyDocument": document, "SetAsDefault": "true"],
            on: base + "policy/team/p"),
        Row("SetDefaultPolicyVersion", ["PolicyArn": own, "VersionId": "v1"], on: base + "policy/team/p"),
        Row("DeletePolicyVersion", ["PolicyArn": own, "VersionId": "v2"], on: base + "policy/team/p"),
        Row("DeletePolicy", ["PolicyArn": own], on: base + "policy/team/p"),
        Row("TagPolicy", ["PolicyArn": own, "Tags": [["Key": "a", "Value": "b"]]], on: base + "policy/team/p"),
        Row("UntagPolicy", ["PolicyArn": own, "TagKeys": ["a"]], on: base + "policy/team/p"),
        Row("AttachUserPolicy", ["UserName": "bob", "PolicyArn": administrator], on: base + "user/bob"),
        Row("AttachGroupPolicy", ["GroupName": "dev", "PolicyArn": administrator], on: base + "group/dev"),
        Row("AttachRolePolicy", ["RoleName": "CI", "PolicyArn": administrator], on: base + "role/team/ci"),
        Row("DetachUserPolicy", ["UserName": "bob", "PolicyArn": administrator], on: base + "user/bob"),
        Row("DetachGroupPolicy", ["GroupName": "dev", "PolicyArn": administrator], on: base + "group/dev"),
        Row("DetachRolePolicy", ["RoleName": "ci", "PolicyArn": administrator], on: base + "role/team/ci"),
        Row("PutUserPolicy", ["UserName": "bob", "PolicyName": "x", "PolicyDocument": document], on: base + "user/bob"),
        Row("PutGroupPolicy", ["GroupName": "dev", "PolicyName": "x", "PolicyDocument": document], on: base + "group/dev"),
        Row("PutRolePolicy", ["RoleName": "ci", "PolicyName": "x", "PolicyDocument": document], on: base + "role/team/ci"),
        Row("DeleteUserPolicy", ["UserName": "bob", "PolicyName": "x"], on: base + "user/bob"),
        Row("DeleteGroupPolicy", ["GroupName": "dev", "PolicyName": "x"], on: base + "group/dev"),
        Row("DeleteRolePolicy", ["RoleName": "ci", "PolicyName": "x"], on: base + "role/team/ci"),
        Row("PutUserPermissionsBoundary", ["UserName": "bob", "PermissionsBoundary": administrator], on: base + "user/bob"),
        Row("PutRolePermissionsBoundary", ["RoleName": "ci", "PermissionsBoundary": administrator], on: base + "role/team/ci"),
        Row("DeleteUserPermissionsBoundary", ["UserName": "bob"], on: base + "user/bob"),
        Row("DeleteRolePermissionsBoundary", ["RoleName": "ci"], on: base + "role/team/ci"),
        Row("CreateOpenIDConnectProvider", ["Url": "https://other.example"], on: base + "oidc-provider/other.example"),
        Row("DeleteOpenIDConnectProvider", ["OpenIDConnectProviderArn": .string(issuer)], on: issuer),
        Row(
            "AddClientIDToOpenIDConnectProvider", ["OpenIDConnectProviderArn": .string(issuer), "ClientID": "mine"], on: issuer),
        Row(
            "RemoveClientIDFromOpenIDConnectProvider", ["OpenIDConnectProviderArn": .string(issuer), "ClientID": "x"], on: issuer),
        Row(
            "UpdateOpenIDConnectProviderThumbprint", ["OpenIDConnectProviderArn": .string(issuer), "ThumbprintList": ""],
            on: issuer),
        Row("GetAccountAuthorizationDetails", [:], on: "*"),
        Row("GetAccountSummary", [:], on: "*"),
        Row("SimulateCustomPolicy", ["PolicyInputList": [document], "ActionNames": ["ecr:PutImage"]], on: "*"),
        Row(
            "SimulatePrincipalPolicy", ["PolicySourceArn": .string(base + "user/bob"), "ActionNames": ["ecr:PutImage"]],
            on: base + "user/bob"),
        Row("GetContextKeysForPrincipalPolicy", ["PolicySourceArn": .string(base + "role/team/ci")], on: base + "role/team/ci"),
        Row("GetUserPolicy", ["UserName": "bob", "PolicyName": "x"], on: base + "user/bob"),
        Row("GetPolicyVersion", ["PolicyArn": own, "VersionId": "v1"], on: base + "policy/team/p"),
    ]

    /// A user `eve` who wants more, and what she wants it by.
    private func house() async throws -> (TestIAM, eve: Caller) {
        let iam = try await TestIAM()
        let eve = try await iam.made(.user, "eve")
        try await iam.made(.user, "bob")
        try await iam.made(.group, "dev")
        try await iam.made(.role, "ci", path: "/team/")
        try await iam.call("CreatePolicy", ["PolicyName": "p", "Path": "/team/", "PolicyDocument": Self.document])
        try await iam.call("CreatePolicyVersion", ["PolicyArn": Self.own, "PolicyDocument": Self.document])
        try await iam.call("CreateOpenIDConnectProvider", ["Url": "https://issuer.example"])
        return (iam, eve)
    }

    private static func isDenied(_ refusal: String?, _ because: String) -> Bool {
        refusal?.hasPrefix("accessDenied: User: arn:aws:iam::111122223333:user/eve is not authorized to perform: iam:") == true
            && refusal?.contains(because) == true
    }

    @Test("Each is asked for on exactly its resource, under a boundary and in a session too", arguments: rows)
    func ways(row: Row) async throws {
        let (iam, eve) = try await house()
        let action = "iam:\(row.operation)"
        #expect(
            Self.isDenied(try await iam.refusal(row.operation, row.input, by: eve), "because no identity-based policy allows"))
        // On everything else, and everything else on it.
        if row.resource != "*" {
            try await iam.put(
                "eve",
                #"{"Effect":"Allow","Action":"\#(action)","NotResource":"\#(row.resource)"},"#
                    + #"{"Effect":"Allow","NotAction":"\#(action)","Resource":"*"}"#)
            #expect(Self.isDenied(try await iam.refusal(row.operation, row.input, by: eve), "no identity-based policy"))
        }
        try await iam.allow("eve", action, on: row.resource)
        let limited = iam.session(of: "eve", TestIAM.policy(#"{"Effect":"Allow","Action":"ecr:*","Resource":"*"}"#))
        #expect(Self.isDenied(try await iam.refusal(row.operation, row.input, by: limited), "because no session policy allows"))
        let boundary: JSONValue = [
            "UserName": "eve", "PermissionsBoundary": "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPowerUser",
        ]
        try await iam.call("PutUserPermissionsBoundary", boundary)
        #expect(Self.isDenied(try await iam.refusal(row.operation, row.input, by: eve), "because no permissions boundary allows"))
        try await iam.call("DeleteUserPermissionsBoundary", ["UserName": "eve"])
        let refusal = try await iam.refusal(row.operation, row.input, by: eve)
        #expect(refusal?.hasPrefix("accessDenied") != true, "\(refusal ?? "")")
    }

    /// No right tells what there is: the answers for what is there and for what is not are the same but for the name.
    @Test func aDenialTellsNothing() async throws {
        let (iam, eve) = try await house()
        let pairs: [(String, JSONValue, JSONValue, String, String)] = [
            (
                "AttachRolePolicy", ["RoleName": "ci", "PolicyArn": Self.own], ["RoleName": "no", "PolicyArn": Self.own], "ci",
                "no"
            ),
            ("GetPolicy", ["PolicyArn": Self.own], ["PolicyArn": .string(Self.base + "policy/team/x")], "/p ", "/x "),
            (
                "GetOpenIDConnectProvider", ["OpenIDConnectProviderArn": .string(Self.issuer)],
                ["OpenIDConnectProviderArn": .string(Self.issuer + "x")], "issuer.example ", "issuer.examplex "
            ),
            (
                "SimulatePrincipalPolicy", ["PolicySourceArn": .string(Self.base + "user/bob"), "ActionNames": ["a:b"]],
                ["PolicySourceArn": .string(Self.base + "user/bo2"), "ActionNames": ["a:b"]], "bob", "bo2"
            ),
        ]
        for (operation, there, absent, name, other) in pairs {
            let one = try #require(try await iam.refusal(operation, there, by: eve))
            let two = try #require(try await iam.refusal(operation, absent, by: eve))
            #expect(one.hasPrefix("accessDenied") && one.contains(name))
            #expect(one.replacingOccurrences(of: name, with: other) == two)
        }
    }

    @Test func whichPolicyMayBeAttachedIsACondition() async throws {
        let (iam, eve) = try await house()
        let only = #"{"ArnEquals":{"iam:PolicyARN":"arn:aws:iam::111122223333:policy/team/p"}}"#
        try await iam.allow("eve", "iam:AttachUserPolicy", if: only)
        #expect(try await iam.refusal("AttachUserPolicy", ["UserName": "bob", "PolicyArn": Self.own], by: eve) == nil)
        for other in [
            "arn:aws:iam::aws:policy/AdministratorAccess", "arn:aws-cn:iam::aws:policy/AdministratorAccess",
            "arn:aws:iam::111122223333:policy/team/P", "arn:aws:iam::111122223333:policy/p",
        ] {
            let refusal = try await iam.refusal("AttachUserPolicy", ["UserName": "bob", "PolicyArn": .string(other)], by: eve)
            #expect(Self.isDenied(refusal, "no identity-based policy"), "\(other)")
        }
        // A Deny of AWS's policy holds in whatever partition it is asked for.
        try await iam.put(
            "eve",
            #"{"Effect":"Allow","Action":"iam:*","Resource":"*"},{"Effect":"Deny","Action":"iam:Attach*","Resource":"*","#
                + #""Condition":{"StringEquals":{"iam:PolicyARN":"arn:aws:iam::aws:policy/AdministratorAccess"}}}"#)
        for partition in ["aws", "aws-cn", "aws-us-gov"] {
            let arn = JSONValue.string("arn:\(partition):iam::aws:policy/AdministratorAccess")
            let refusal = try await iam.refusal("AttachUserPolicy", ["UserName": "bob", "PolicyArn": arn], by: eve)
            #expect(Self.isDenied(refusal, "explicit deny in an identity-based policy"))
        }
    }

    @Test func theTargetsBoundaryIsACondition() async throws {
        let (iam, eve) = try await house()
        let bounded = #"{"StringEquals":{"iam:PermissionsBoundary":"arn:aws:iam::111122223333:policy/team/p"}}"#
        let inputs: [(String, JSONValue)] = [
            ("AttachUserPolicy", ["UserName": "bob", "PolicyArn": Self.administrator]),
            ("PutUserPolicy", ["UserName": "bob", "PolicyName": "x", "PolicyDocument": Self.document]),
            ("DeleteUserPolicy", ["UserName": "bob", "PolicyName": "x"]),
            ("DetachUserPolicy", ["UserName": "bob", "PolicyArn": Self.administrator]),
        ]
        try await iam.allow("eve", "iam:*", if: bounded)
        for (operation, input) in inputs {
            #expect(Self.isDenied(try await iam.refusal(operation, input, by: eve), "no identity-based policy"))
        }
        try await iam.call("PutUserPermissionsBoundary", ["UserName": "bob", "PermissionsBoundary": Self.own])
        for (operation, input) in inputs { #expect(try await iam.refusal(operation, input, by: eve) == nil, "\(operation)") }
        // The new boundary is what counts for the one that is put; the old one for the one that is taken away.
        let other: JSONValue = ["UserName": "bob", "PermissionsBoundary": Self.administrator]
        #expect(Self.isDenied(try await iam.refusal("PutUserPermissionsBoundary", other, by: eve), "no identity-based policy"))
        #expect(
            try await iam.refusal("PutUserPermissionsBoundary", ["UserName": "bob", "PermissionsBoundary": Self.own], by: eve)
                == nil)
        #expect(try await iam.refusal("DeleteUserPermissionsBoundary", ["UserName": "bob"], by: eve) == nil)
        #expect(
            Self.isDenied(
                try await iam.refusal("DeleteUserPermissionsBoundary", ["UserName": "bob"], by: eve), "no identity-based"))
    }

    @Test func tagsAreConditions() async throws {
        let (iam, eve) = try await house()
        try await iam.allow("eve", "iam:*", if: #"{"StringEquals":{"aws:RequestTag/team":"a"}}"#)
        func create(_ name: String, _ tags: JSONValue) async throws -> String? {
            try await iam.refusal(
                "CreatePolicy", ["PolicyName": .string(name), "PolicyDocument": Self.document, "Tags": tags], by: eve)
        }
        #expect(Self.isDenied(try await create("a", []), "iam:CreatePolicy"))
        #expect(Self.isDenied(try await create("b", [["Key": "team", "Value": "b"]]), "iam:CreatePolicy"))
        #expect(try await create("c", [["Key": "team", "Value": "a"]]) == nil)
        // Who tags what is made needs that right too.
        try await iam.allow("eve", "iam:CreatePolicy")
        #expect(Self.isDenied(try await create("d", [["Key": "team", "Value": "a"]]), "iam:TagPolicy"))
        try await iam.allow("eve", "iam:*", if: #"{"StringEquals":{"iam:ResourceTag/team":"a","aws:ResourceTag/team":"a"}}"#)
        let tagged = JSONValue.string(Self.base + "policy/c")
        #expect(try await iam.refusal("GetPolicy", ["PolicyArn": tagged], by: eve) == nil)
        #expect(Self.isDenied(try await iam.refusal("GetPolicy", ["PolicyArn": Self.own], by: eve), "iam:GetPolicy"))
    }

    /// The root of another account has every right there, and none here.
    @Test func anotherAccountHasItsOwn() async throws {
        let (iam, _) = try await house()
        let root = Caller.root(of: try AccountID("444455556666"))
        for (operation, input) in [
            ("GetPolicy", ["PolicyArn": Self.own]), ("DeletePolicy", ["PolicyArn": Self.own]),
            ("CreatePolicyVersion", ["PolicyArn": Self.own, "PolicyDocument": Self.document]),
            ("GetOpenIDConnectProvider", ["OpenIDConnectProviderArn": .string(Self.issuer)]),
            ("SimulatePrincipalPolicy", ["PolicySourceArn": .string(Self.base + "user/bob"), "ActionNames": ["a:b"]]),
            ("GetUserPolicy", ["UserName": "bob", "PolicyName": "x"]),
        ] as [(String, JSONValue)] {
            #expect(try await iam.refusal(operation, input, by: root)?.hasPrefix("noSuchEntity: ") == true, "\(operation)")
        }
        #expect(try await iam.call("ListPolicies", ["Scope": "Local"], by: root)["Policies"] == [])
    }
}
