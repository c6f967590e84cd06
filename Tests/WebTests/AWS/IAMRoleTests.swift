import Testing
import WeirApplication
import WeirCore
import WeirIdentity
import WeirWeb

/// Roles and instance profiles at the AWS door.
@Suite struct IAMRoleTests {
    private static let trust =
        #"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"sts:AssumeRole"}]}"#

    @Test func whatAnswersShow() async throws {
        let iam = try await IAMHouse()
        let created = try await iam.call(
            "CreateRole",
            [
                "RoleName": "ci", "Path": "/team/", "AssumeRolePolicyDocument": .string(Self.trust), "Description": "a+b c",
                "MaxSessionDuration": 7_200, "Tags": [["Key": "k", "Value": "v"]],
            ])["Role"]
        #expect(created?.names == ["Arn", "AssumeRolePolicyDocument", "CreateDate", "Path", "RoleId", "RoleName", "Tags"])
        #expect(created?["AssumeRolePolicyDocument"]?.string?.hasPrefix("%7B%22Version%22%3A%222012-10-17%22") == true)
        let role = try await iam.call("GetRole", ["RoleName": "CI"])["Role"]
        #expect(
            role?.names == [
                "Arn", "AssumeRolePolicyDocument", "CreateDate", "Description", "MaxSessionDuration", "Path", "RoleId",
                "RoleLastUsed",
                "RoleName", "Tags",
            ])
        #expect(role?["RoleLastUsed"] == [:] && role?["Description"] == "a+b c" && role?["MaxSessionDuration"] == 7_200)
        let listed = try await iam.call("ListRoles")["Roles"]?.array.first
        #expect(
            listed?.names == [
                "Arn", "AssumeRolePolicyDocument", "CreateDate", "Description", "MaxSessionDuration", "Path", "RoleId",
                "RoleName",
            ])
        #expect(try await iam.call("UpdateRole", ["RoleName": "ci", "MaxSessionDuration": 3_600]) == [:])
        let described = try await iam.call("UpdateRoleDescription", ["RoleName": "ci", "Description": "new"])["Role"]
        #expect(described?["Description"] == "new" && described?["MaxSessionDuration"] == 3_600)
        iam.keys.roles.used(try #require(role?["RoleId"]?.string), region: iam.aws.id.region, at: TestAWS.now)
        #expect(
            try await iam.call("GetRole", ["RoleName": "ci"])["Role"]?["RoleLastUsed"]
                == ["LastUsedDate": .number(1_800_000_000), "Region": "us-east-2"])
        #expect(try await iam.call("ListRoleTags", ["RoleName": "ci"])["Tags"] == [["Key": "k", "Value": "v"]])
    }

    @Test func sentences() async throws {
        let iam = try await IAMHouse()
        let role: JSONValue = ["RoleName": "ci", "AssumeRolePolicyDocument": .string(Self.trust)]
        try await iam.call("CreateRole", role)
        try await iam.call("CreateInstanceProfile", ["InstanceProfileName": "node"])
        try await iam.call("AddRoleToInstanceProfile", ["InstanceProfileName": "node", "RoleName": "ci"])
        let unknown = Self.trust.replacing("111122223333", with: "arn:aws:iam::111122223333:user/nobody")
        let rows: [(String, JSONValue, String)] = [
            ("CreateRole", role, "409 EntityAlreadyExists: Role with name ci already exists."),
            ("GetRole", ["RoleName": "x"], "404 NoSuchEntity: The role with name x cannot be found."),
            ("DeleteRole", ["RoleName": "x"], "404 NoSuchEntity: The role with name x cannot be found."),
            (
                "DeleteRole", ["RoleName": "ci"],
                "409 DeleteConflict: Cannot delete entity, must remove roles from instance profile first."
            ),
            (
                "UpdateAssumeRolePolicy", ["RoleName": "ci", "PolicyDocument": .string(unknown)],
                #"400 MalformedPolicyDocument: Invalid principal in policy: "AWS":"arn:aws:iam::111122223333:user/nobody""#
            ),
            (
                "AddRoleToInstanceProfile", ["InstanceProfileName": "node", "RoleName": "ci"],
                "409 LimitExceeded: Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1"
            ),
            ("GetInstanceProfile", ["InstanceProfileName": "x"], "404 NoSuchEntity: Instance Profile x cannot be found."),
            (
                "CreateInstanceProfile", ["InstanceProfileName": "Node"],
                "409 EntityAlreadyExists: Instance Profile Node already exists."
            ),
            (
                "CreateServiceLinkedRole", ["AWSServiceName": "ecr.amazonaws.com", "CustomSuffix": "x"],
                "400 InvalidInput: Custom suffix is not allowed for ecr.amazonaws.com"
            ),
        ]
        for (name, input, sentence) in rows { #expect(try await iam.told(name, input) == sentence, "\(name)") }
        for seconds in [3_599, 43_201, -1] as [Int64] {
            let told = try await iam.told("UpdateRole", ["RoleName": "ci", "MaxSessionDuration": .integer(seconds)])
            #expect(told.contains("Value at 'maxSessionDuration' failed to satisfy constraint: Member must have value "))
        }
    }

    @Test func serviceLinkedRoles() async throws {
        let iam = try await IAMHouse()
        let made = try await iam.call("CreateServiceLinkedRole", ["AWSServiceName": "pullthroughcache.ecr.amazonaws.com"])["Role"]
        #expect(
            made?["Arn"]
                == "arn:aws:iam::111122223333:role/aws-service-role/pullthroughcache.ecr.amazonaws.com/AWSServiceRoleForECRPullThroughCache"
        )
        let name = try #require(made?["RoleName"])
        for (operation, more): (String, JSONValue) in [
            ("UpdateRole", [:]), ("UpdateRoleDescription", ["Description": "x"]), ("DeleteRole", [:]),
            ("UpdateAssumeRolePolicy", ["PolicyDocument": .string(Self.trust)]), ("TagRole", ["Tags": []]),
            ("UntagRole", ["TagKeys": []]),
        ] {
            let told = try await iam.told(operation, more.adding(["RoleName": name]))
            #expect(told.hasPrefix("400 UnmodifiableEntity: "), "\(operation): \(told)")
        }
        let task = try await iam.call("DeleteServiceLinkedRole", ["RoleName": name])["DeletionTaskId"] ?? .null
        #expect(try await iam.call("GetServiceLinkedRoleDeletionStatus", ["DeletionTaskId": task]) == ["Status": "SUCCEEDED"])
        #expect(try await iam.told("GetServiceLinkedRoleDeletionStatus", ["DeletionTaskId": "x"]).hasPrefix("404 NoSuchEntity"))
        #expect(try await iam.told("DeleteServiceLinkedRole", ["RoleName": name]).hasPrefix("404 NoSuchEntity"))
        #expect(
            try await iam.told(
                "CreateRole",
                [
                    "RoleName": name, "Path": "/aws-service-role/pullthroughcache.ecr.amazonaws.com/",
                    "AssumeRolePolicyDocument": .string(Self.trust),
                ]
            ).hasPrefix("400 InvalidInput"))
    }

    @Test func instanceProfilesAreRecords() async throws {
        let iam = try await IAMHouse()
        try await iam.call("CreateRole", ["RoleName": "ci", "AssumeRolePolicyDocument": .string(Self.trust)])
        let made = try await iam.call("CreateInstanceProfile", ["InstanceProfileName": "node", "Path": "/x/"])["InstanceProfile"]
        #expect(made?.names == ["Arn", "CreateDate", "InstanceProfileId", "InstanceProfileName", "Path", "Roles"])
        #expect(made?["Roles"] == [] && made?["Arn"] == "arn:aws:iam::111122223333:instance-profile/x/node")
        try await iam.call("AddRoleToInstanceProfile", ["InstanceProfileName": "node", "RoleName": "ci"])
        let profile = try await iam.call("GetInstanceProfile", ["InstanceProfileName": "node"])["InstanceProfile"]
        #expect(profile?["Roles"]?.array.first?["RoleName"] == "ci" && profile?["Tags"] == [])
        #expect(try await iam.call("ListInstanceProfilesForRole", ["RoleName": "ci"])["InstanceProfiles"]?.array.count == 1)
        try await iam.call("TagInstanceProfile", ["InstanceProfileName": "node", "Tags": [["Key": "a", "Value": "b"]]])
        #expect(try await iam.call("ListInstanceProfileTags", ["InstanceProfileName": "node"])["Tags"]?.array.count == 1)
        try await iam.call("UntagInstanceProfile", ["InstanceProfileName": "node", "TagKeys": ["A"]])
        try await iam.call("RemoveRoleFromInstanceProfile", ["InstanceProfileName": "node", "RoleName": "ci"])
        #expect(try await iam.call("ListInstanceProfiles", ["PathPrefix": "/x/"])["InstanceProfiles"]?.array.count == 1)
        try await iam.call("DeleteInstanceProfile", ["InstanceProfileName": "node"])
        #expect(try await iam.call("ListInstanceProfiles")["InstanceProfiles"] == [])
    }

    /// Whatever comes in a member: an answer or a refusal, never a failure.
    @Test func hostileInput() async throws {
        let iam = try await IAMHouse()
        try await iam.call("CreateRole", ["RoleName": "ci", "AssumeRolePolicyDocument": .string(Self.trust)])
        let deep = String(repeating: "[", count: 10_000)
        let texts = [
            "", "\u{0}", "{", deep, "\u{FFFD}\u{202E}", String(repeating: "é", count: 2_000), "%00", "' OR 1=1 --", "../..",
            "1e400",
            #"{"Statement":[{"Principal":{"AWS":["","arn:aws:iam::111122223333:user/","arn:::::","arn:aws:iam::1:root"]}}]}"#,
        ]
        let values: [JSONValue] = texts.map { .string($0) } + [.null, 1, -1, .integer(.max), 1.5, true, [], [:], [[:]], ["x"]]
        let members = [
            "UserName", "NewUserName", "GroupName", "RoleName", "Path", "PathPrefix", "Marker", "MaxItems", "Tags", "TagKeys",
            "AccessKeyId", "Status", "AssumeRolePolicyDocument", "PolicyDocument", "MaxSessionDuration", "PermissionsBoundary",
            "InstanceProfileName", "DeletionTaskId", "AWSServiceName", "Description",
        ]
        let base: [String: JSONValue] = [
            "UserName": "bob", "GroupName": "dev", "RoleName": "ci", "InstanceProfileName": "node",
            "AccessKeyId": "AKIAIOSFODNN7EXAMPLE",
            "Status": "Active", "AssumeRolePolicyDocument": .string(Self.trust), "PolicyDocument": .string(Self.trust),
            "Tags": [],
            "TagKeys": [], "AWSServiceName": "x.amazonaws.com", "DeletionTaskId": "task/x", "Description": "d",
        ]
        let missing = Set(IAMOperations.notYet)
        for operation in iam.aws.application.operations where operation.service == .iam && !missing.contains(operation.name) {
            // Each value in all members, and one in each member by itself, so that the others' checks are passed.
            let alone = members.enumerated().map { index, member in
                base.merging([member: values[index % values.count]]) { _, new in new }
            }
            let everywhere = values.map { value in Dictionary(members.map { ($0, value) }) { first, _ in first } }
            for input in alone + everywhere {
                // Throws what is neither a refusal nor violations.
                let told = try await iam.told(operation.name, .object(input))
                #expect(!told.hasPrefix("5"), "\(operation.name) \(JSONValue.object(input).text.prefix(300)): \(told)")
            }
        }
    }
}
