import Testing
import WeirApplication
import WeirCore
import WeirIdentity
import WeirWeb

/// On which resource, and with which condition keys, a right to change users, groups and roles is asked.
@Suite struct IAMRightsTests {
    private static let home = "arn:aws:iam::111122223333"
    private static let trust =
        #"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}]}"#

    @Test func rightsAreAskedOnTheEntityAsItIs() async throws {
        let iam = try await IAMHouse()
        let denier = try await iam.user(
            "clerk", may: ["iam:*"], on: "*",
            #",{"Effect":"Deny","Action":"iam:*","Resource":["\#(Self.home):user/team/bob","\#(Self.home):group/admins"]}"#)
        try await iam.call("CreateUser", ["UserName": "bob", "Path": "/team/"])
        try await iam.call("CreateUser", ["UserName": "ann"])
        try await iam.call("CreateGroup", ["GroupName": "admins"])
        // Neither another case nor another partition's region is a way round.
        for (name, region) in [("bob", "us-east-1"), ("BOB", "us-east-1"), ("bob", "cn-north-1")] {
            #expect(
                try await iam.told("CreateAccessKey", ["UserName": .string(name)], by: denier, region: region)
                    .hasPrefix("403 AccessDenied: User: "), "\(name) \(region)")
        }
        let sentence = try await iam.told("GetUser", ["UserName": "bob"], by: denier)
        #expect(sentence.contains("iam:GetUser on resource: \(Self.home):user/bob with an explicit deny"))
        // Asked on the group, whoever the user is.
        #expect(try await iam.told("AddUserToGroup", ["GroupName": "Admins", "UserName": "ann"], by: denier).hasPrefix("403"))
        // A new name or path is asked for as well as the old one.
        for input: JSONValue in [
            ["UserName": "ann", "NewUserName": "bob", "NewPath": "/team/"],
            ["UserName": "bob", "NewUserName": "x", "NewPath": "/"],
        ] { #expect(try await iam.told("UpdateUser", input, by: denier).hasPrefix("403 AccessDenied")) }
        #expect(try await iam.told("UpdateUser", ["UserName": "ann", "NewUserName": "anna"], by: denier) == "200")
        try await iam.call("CreateGroup", ["GroupName": "dev"])
        #expect(try await iam.told("UpdateGroup", ["GroupName": "dev", "NewGroupName": "admins"], by: denier).hasPrefix("403"))
        #expect(try await iam.told("CreateUser", ["UserName": "bob", "Path": "/team/"], by: denier).hasPrefix("403"))
    }

    @Test func eachOperationIsItsOwnAction() async throws {
        let iam = try await IAMHouse()
        let reader = try await iam.user("reader", may: ["iam:Get*", "iam:List*"])
        try await iam.call("CreateUser", ["UserName": "bob"])
        #expect(try await iam.told("GetUser", ["UserName": "bob"], by: reader) == "200")
        #expect(try await iam.told("ListUsers", by: reader) == "200")
        for name in ["DeleteUser", "CreateAccessKey"] {
            #expect(
                try await iam.told(name, ["UserName": "bob"], by: reader)
                    == "403 AccessDenied: User: \(Self.home):user/reader is not authorized to perform: iam:\(name) on resource: "
                    + "\(Self.home):user/bob because no identity-based policy allows the iam:\(name) action")
        }
        let own = try await iam.user("own", may: ["iam:*AccessKey*"], on: "\(Self.home):user/${aws:username}")
        #expect(try await iam.told("CreateAccessKey", by: own) == "200")
        #expect(try await iam.told("CreateAccessKey", ["UserName": "bob"], by: own).hasPrefix("403 AccessDenied"))
        let key = try await iam.call("CreateAccessKey", ["UserName": "bob"])["AccessKey"]?["AccessKeyId"] ?? .null
        // Whose key it is, and whether it is anyone's, is told to none who may not ask.
        let told = try await iam.told("GetAccessKeyLastUsed", ["AccessKeyId": key], by: own)
        #expect(
            told.contains("perform: iam:GetAccessKeyLastUsed on resource: access key \(key.string ?? "") because no identity"))
        #expect(
            try await iam.told("GetAccessKeyLastUsed", ["AccessKeyId": "AKIANOBODYHASTHISKEY"], by: own)
                == told.replacing(key.string ?? "", with: "AKIANOBODYHASTHISKEY"))
    }

    @Test func tagsAreConditionKeys() async throws {
        let iam = try await IAMHouse()
        let tagger = try await iam.user(
            "tagger", may: ["iam:CreateUser", "iam:TagUser", "iam:UntagUser"],
            when: #"{"StringEquals":{"aws:RequestTag/team":"a"}}"#)
        #expect(
            try await iam.told("CreateUser", ["UserName": "x", "Tags": [["Key": "Team", "Value": "a"]]], by: tagger) == "200")
        #expect(
            try await iam.told("CreateUser", ["UserName": "y", "Tags": [["Key": "team", "Value": "b"]]], by: tagger).hasPrefix(
                "403"))
        #expect(try await iam.told("CreateUser", ["UserName": "y"], by: tagger).hasPrefix("403"))
        #expect(try await iam.told("TagUser", ["UserName": "x", "Tags": [["Key": "team", "Value": "a"]]], by: tagger) == "200")
        // Creating with tags is tagging too.
        let creator = try await iam.user("creator", may: ["iam:CreateUser", "iam:CreateRole"])
        #expect(
            try await iam.told("CreateUser", ["UserName": "z", "Tags": [["Key": "a", "Value": "a"]]], by: creator)
                .contains("perform: iam:TagUser on resource: \(Self.home):user/z"))
        #expect(try await iam.told("CreateUser", ["UserName": "z"], by: creator) == "200")
        let keys = try await iam.user(
            "keys", may: ["iam:UntagUser"], when: #"{"ForAllValues:StringEquals":{"aws:TagKeys":["b"]}}"#)
        #expect(try await iam.told("UntagUser", ["UserName": "x", "TagKeys": ["b"]], by: keys) == "200")
        #expect(try await iam.told("UntagUser", ["UserName": "x", "TagKeys": ["b", "team"]], by: keys).hasPrefix("403"))
        for (name, key) in [("o1", "aws:ResourceTag/team"), ("o2", "iam:ResourceTag/Team")] {
            let owner = try await iam.user(
                name, may: ["iam:DeleteUser", "iam:GetUser"], when: #"{"StringEquals":{"\#(key)":"a"}}"#)
            #expect(try await iam.told("GetUser", ["UserName": "x"], by: owner) == "200")
            #expect(try await iam.told("GetUser", ["UserName": "z"], by: owner).hasPrefix("403"))
        }
    }

    @Test func servicesAndPassedRolesAreConditionKeys() async throws {
        let iam = try await IAMHouse()
        let linker = try await iam.user(
            "linker", may: ["iam:CreateServiceLinkedRole"],
            when: #"{"StringLike":{"iam:AWSServiceName":"replication.ecr.amazonaws.com"}}"#)
        #expect(
            try await iam.told("CreateServiceLinkedRole", ["AWSServiceName": "replication.ecr.amazonaws.com"], by: linker)
                == "200")
        #expect(
            try await iam.told("CreateServiceLinkedRole", ["AWSServiceName": "ecr.amazonaws.com"], by: linker).hasPrefix("403"))
        try await iam.call("CreateRole", ["RoleName": "admin", "Path": "/x/", "AssumeRolePolicyDocument": .string(Self.trust)])
        try await iam.call("CreateInstanceProfile", ["InstanceProfileName": "node"])
        let input: JSONValue = ["InstanceProfileName": "node", "RoleName": "admin"]
        let adder = try await iam.user("adder", may: ["iam:AddRoleToInstanceProfile"])
        #expect(
            try await iam.told("AddRoleToInstanceProfile", input, by: adder)
                .contains("perform: iam:PassRole on resource: \(Self.home):role/admin "))
        for (name, service, isAllowed) in [("p1", "ecr.amazonaws.com", false), ("p2", "ec2.amazonaws.com", true)] {
            let passer = try await iam.user(
                name, may: ["iam:AddRoleToInstanceProfile"], on: "*",
                #",{"Effect":"Allow","Action":"iam:PassRole","Resource":"\#(Self.home):role/x/admin","Condition":{"StringEquals":{"iam:PassedToService":"\#(service)"}}}"#
            )
            #expect(
                try await iam.told("AddRoleToInstanceProfile", input, by: passer).hasPrefix(isAllowed ? "200" : "403"), "\(name)")
        }
    }

    /// Who may make users and roles only under a boundary makes none without it.
    @Test func boundariesAreConditionKeys() async throws {
        let iam = try await IAMHouse()
        let boundary = "\(Self.home):policy/limit"
        let condition = #"{"StringEquals":{"iam:PermissionsBoundary":"\#(boundary)"}}"#
        let delegate = try await iam.user(
            "delegate", may: ["iam:CreateUser", "iam:CreateRole", "iam:DeleteUser"], when: condition)
        #expect(try await iam.told("CreateUser", ["UserName": "x"], by: delegate).hasPrefix("403 AccessDenied"))
        // Allowed, and so told that there is no such policy.
        #expect(
            try await iam.told("CreateUser", ["UserName": "x", "PermissionsBoundary": .string(boundary)], by: delegate)
                == "404 NoSuchEntity: Scope ARN: \(boundary) does not exist or is not attachable.")
        let other: JSONValue = [
            "RoleName": "r", "AssumeRolePolicyDocument": .string(Self.trust), "PermissionsBoundary": .string(boundary + "2"),
        ]
        #expect(try await iam.told("CreateRole", other, by: delegate).hasPrefix("403 AccessDenied"))
        #expect(
            try await iam.told("CreateUser", ["UserName": "x", "PermissionsBoundary": .string("\(Self.home):user/limit")])
                == "400 InvalidInput: ARN \(Self.home):user/limit is not valid.")
    }
}
