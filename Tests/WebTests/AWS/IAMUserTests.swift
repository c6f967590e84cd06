import Testing
import WeirApplication
import WeirCore
import WeirIdentity
import WeirWeb

/// Users, groups and access keys at the AWS door: AWS's answers and its sentences.
@Suite struct IAMUserTests {
    @Test func whatAnswersShow() async throws {
        let iam = try await IAMHouse()
        let created = try await iam.call(
            "CreateUser",
            ["UserName": "Bob", "Path": "/team/", "Tags": [["Key": "b", "Value": "2"], ["Key": "a", "Value": ""]]])
        let user = try #require(created["User"])
        #expect(user.names == ["Arn", "CreateDate", "Path", "Tags", "UserId", "UserName"])
        #expect(user["Arn"] == "arn:aws:iam::111122223333:user/team/Bob" && user["CreateDate"] == .number(1_800_000_000))
        #expect(user["Tags"] == [["Key": "a", "Value": ""], ["Key": "b", "Value": "2"]])
        #expect(try await iam.call("GetUser", ["UserName": "bob"])["User"] == user)
        let listed = try await iam.call("ListUsers")
        #expect(listed["IsTruncated"] == false && listed["Marker"] == nil)
        #expect(listed["Users"]?.array.first?.names == ["Arn", "CreateDate", "Path", "UserId", "UserName"])
        try await iam.call("UntagUser", ["UserName": "bob", "TagKeys": ["A", "b"]])
        #expect(try await iam.call("GetUser", ["UserName": "bob"])["User"]?["Tags"] == nil)
        #expect(try await iam.call("ListUserTags", ["UserName": "bob"]) == ["Tags": [], "IsTruncated": false])
        let group = try await iam.call("CreateGroup", ["GroupName": "dev"])["Group"]
        #expect(group?.names == ["Arn", "CreateDate", "GroupId", "GroupName", "Path"])
        try await iam.call("AddUserToGroup", ["GroupName": "dev", "UserName": "bob"])
        let whole = try await iam.call("GetGroup", ["GroupName": "dev"])
        #expect(whole.names == ["Group", "IsTruncated", "Users"] && whole["Users"]?.array.first?["UserName"] == "Bob")
        #expect(try await iam.call("ListGroupsForUser", ["UserName": "bob"])["Groups"] == [try #require(group)])
    }

    @Test func pages() async throws {
        let iam = try await IAMHouse()
        for name in ["a", "B", "c"] { try await iam.call("CreateUser", ["UserName": .string(name)]) }
        let first = try await iam.call("ListUsers", ["MaxItems": 2])
        #expect(first["IsTruncated"] == true && first["Users"]?.array.count == 2)
        let marker = try #require(first["Marker"])
        #expect(try await iam.call("ListUsers", ["Marker": marker])["Users"]?.array.map { $0["UserName"] } == ["c"])
        for input: JSONValue in [["Marker": "x"], ["Marker": marker, "PathPrefix": "/x"]] {
            #expect(try await iam.told("ListUsers", input) == "400 ValidationError: Invalid Marker.")
        }
        #expect(try await iam.told("ListGroups", ["Marker": marker]) == "400 ValidationError: Invalid Marker.")
        #expect(
            try await iam.told("ListUsers", ["Marker": marker], by: iam.foreignRoot) == "400 ValidationError: Invalid Marker.")
        let tags = (0..<5).map { number -> JSONValue in ["Key": .string("k\(number)"), "Value": "v"] }
        try await iam.call("TagUser", ["UserName": "a", "Tags": .array(tags)])
        let some = try await iam.call("ListUserTags", ["UserName": "a", "MaxItems": 3])
        let rest = try await iam.call("ListUserTags", ["UserName": "a", "Marker": some["Marker"] ?? ""])
        #expect(some["Tags"]?.array.count == 3 && rest["Tags"] == .array(Array(tags.dropFirst(3))))
    }

    @Test func sentences() async throws {
        let iam = try await IAMHouse()
        try await iam.call("CreateUser", ["UserName": "bob"])
        try await iam.call("CreateGroup", ["GroupName": "dev"])
        let rows: [(String, JSONValue, String)] = [
            ("CreateUser", ["UserName": "BOB"], "409 EntityAlreadyExists: User with name BOB already exists."),
            ("GetUser", ["UserName": "x"], "404 NoSuchEntity: The user with name x cannot be found."),
            ("DeleteUser", ["UserName": "x"], "404 NoSuchEntity: The user with name x cannot be found."),
            ("TagUser", ["UserName": "x", "Tags": []], "404 NoSuchEntity: The user with name x cannot be found."),
            ("ListUserTags", ["UserName": "x"], "404 NoSuchEntity: The user with name x cannot be found."),
            ("ListGroupsForUser", ["UserName": "x"], "404 NoSuchEntity: The user with name x cannot be found."),
            ("ListAccessKeys", ["UserName": "x"], "404 NoSuchEntity: The user with name x cannot be found."),
            ("CreateAccessKey", ["UserName": "x"], "404 NoSuchEntity: The user with name x cannot be found."),
            ("CreateGroup", ["GroupName": "Dev"], "409 EntityAlreadyExists: Group with name Dev already exists."),
            ("GetGroup", ["GroupName": "x"], "404 NoSuchEntity: The group with name x cannot be found."),
            ("DeleteGroup", ["GroupName": "x"], "404 NoSuchEntity: The group with name x cannot be found."),
            ("AddUserToGroup", ["GroupName": "x", "UserName": "y"], "404 NoSuchEntity: The user with name y cannot be found."),
            (
                "AddUserToGroup", ["GroupName": "x", "UserName": "bob"],
                "404 NoSuchEntity: The group with name x cannot be found."
            ),
            (
                "UpdateAccessKey", ["UserName": "bob", "AccessKeyId": "AKIAIOSFODNN7EXAMPLE", "Status": "Active"],
                "404 NoSuchEntity: The Access Key with id AKIAIOSFODNN7EXAMPLE cannot be found."
            ),
            (
                "DeleteAccessKey", ["UserName": "bob", "AccessKeyId": "AKIAIOSFODNN7EXAMPLE"],
                "404 NoSuchEntity: The Access Key with id AKIAIOSFODNN7EXAMPLE cannot be found."
            ),
            (
                "UpdateAccessKey", ["UserName": "bob", "AccessKeyId": "AKIAIOSFODNN7EXAMPLE", "Status": "Expired"],
                "400 ValidationError: 1 validation error detected: Value at 'status' failed to satisfy constraint: "
                    + "Member must satisfy enum value set"
            ),
            (
                "GetAccessKeyLastUsed", ["AccessKeyId": "AKIANOBODYHASTHISKEY"],
                "403 AccessDenied: User: arn:aws:iam::111122223333:root is not authorized to perform iam:GetAccessKeyLastUsed on "
                    + "resource: access key AKIANOBODYHASTHISKEY"
            ),
            ("GetLoginProfile", ["UserName": "bob"], "404 NoSuchEntity: Login Profile for User bob cannot be found."),
            ("DeleteLoginProfile", ["UserName": "bob"], "404 NoSuchEntity: Login Profile for User bob cannot be found."),
            ("DeleteLoginProfile", ["UserName": "x"], "404 NoSuchEntity: The user with name x cannot be found."),
            (
                "TagUser", ["UserName": "bob", "Tags": [["Key": "a", "Value": ""], ["Key": "A", "Value": ""]]],
                "400 InvalidInput: Duplicate tag keys found. Please note that Tag keys are case insensitive."
            ),
            (
                "ListUsers", ["PathPrefix": "x"],
                #"400 ValidationError: 1 validation error detected: Value at 'pathPrefix' failed to satisfy constraint: Member must "#
                    + #"satisfy regular expression pattern: \u002F[\u0021-\u007F]*"#
            ),
        ]
        for (name, input, sentence) in rows { #expect(try await iam.told(name, input) == sentence, "\(name)") }
        let violations = try await iam.told("CreateUser", ["UserName": "a b", "Path": "x", "Tags": [["Key": "", "Value": ""]]])
        #expect(violations.hasPrefix("400 ValidationError: 4 validation errors detected: Value at 'userName'"))
        #expect(try await iam.told("CreateVirtualMFADevice").contains("does not have the IAM operation CreateVirtualMFADevice."))
    }

    /// What tools look for before they delete a user.
    @Test func nothingOfTheConsole() async throws {
        let iam = try await IAMHouse()
        try await iam.call("CreateUser", ["UserName": "bob"])
        for (name, member) in [
            ("ListSSHPublicKeys", "SSHPublicKeys"), ("ListVirtualMFADevices", "VirtualMFADevices"),
            ("ListMFADevices", "MFADevices"),
            ("ListSigningCertificates", "Certificates"), ("ListServiceSpecificCredentials", "ServiceSpecificCredentials"),
        ] {
            #expect(try await iam.call(name, ["UserName": "bob"]) == .object([member: [], "IsTruncated": false]), "\(name)")
        }
    }

    // MARK: Keys

    @Test func aSecretIsToldOnce() async throws {
        let iam = try await IAMHouse()
        try await iam.call("CreateUser", ["UserName": "bob"])
        let key = try #require(try await iam.call("CreateAccessKey", ["UserName": "Bob"])["AccessKey"])
        #expect(key.names == ["AccessKeyId", "CreateDate", "SecretAccessKey", "Status", "UserName"] && key["UserName"] == "bob")
        let secret = try #require(key["SecretAccessKey"]?.string)
        let id = try #require(key["AccessKeyId"])
        let listed = try await iam.call("ListAccessKeys", ["UserName": "bob"])
        #expect(listed["AccessKeyMetadata"]?.array.first?.names == ["AccessKeyId", "CreateDate", "Status", "UserName"])
        for (name, input): (String, JSONValue) in [
            ("ListAccessKeys", ["UserName": "bob"]), ("GetUser", ["UserName": "bob"]),
            ("GetAccessKeyLastUsed", ["AccessKeyId": id]),
        ] { #expect(try await !iam.call(name, input).text.contains(secret)) }
        #expect(
            try await iam.call("GetAccessKeyLastUsed", ["AccessKeyId": id])
                == ["UserName": "bob", "AccessKeyLastUsed": ["ServiceName": "N/A", "Region": "N/A"]])
        iam.keys.accessKeys.used(try #require(id.string), service: "ecr", region: iam.aws.id.region, at: TestAWS.now)
        #expect(
            try await iam.call("GetAccessKeyLastUsed", ["AccessKeyId": id])["AccessKeyLastUsed"]
                == ["ServiceName": "ecr", "Region": "us-east-2", "LastUsedDate": .number(1_800_000_000)])
        try await iam.call("CreateAccessKey", ["UserName": "bob"])
        #expect(
            try await iam.told("CreateAccessKey", ["UserName": "bob"])
                == "409 LimitExceeded: Cannot exceed quota for AccessKeysPerUser: 2")
        let part = try await iam.call("ListAccessKeys", ["UserName": "bob", "MaxItems": 1])
        let rest = try await iam.call("ListAccessKeys", ["UserName": "bob", "Marker": part["Marker"] ?? ""])
        #expect(part["IsTruncated"] == true && rest["AccessKeyMetadata"]?.array.count == 1 && rest["IsTruncated"] == false)
    }

    @Test func whoIsMeantWhereNoUserIsNamed() async throws {
        let iam = try await IAMHouse()
        let bob = try await iam.user("bob", may: ["iam:*"])
        #expect(try await iam.call("GetUser", by: bob)["User"]?["UserName"] == "bob")
        let own = try await iam.call("CreateAccessKey", by: bob)["AccessKey"]
        #expect(own?["UserName"] == "bob")
        #expect(try await iam.call("ListAccessKeys", by: bob)["AccessKeyMetadata"]?.array.count == 1)
        // Root's own record and keys, which no user can reach by any name.
        let root = try #require(try await iam.call("GetUser")["User"])
        #expect(root.names == ["Arn", "CreateDate", "Path", "UserId"] && root["UserId"] == "111122223333")
        let rootKeys = try await iam.call("ListAccessKeys")["AccessKeyMetadata"]?.array ?? []
        #expect(rootKeys.map { $0["AccessKeyId"] } == [.string(TestAWS.accessKeyID)] && rootKeys[0]["UserName"] == nil)
        #expect(try await iam.told("ListAccessKeys", ["UserName": "root"]).hasPrefix("404 NoSuchEntity"))
        for caller in [bob, try iam.foreignRoot] {
            #expect(
                try await iam.told("DeleteAccessKey", ["AccessKeyId": .string(TestAWS.accessKeyID)], by: caller)
                    == "404 NoSuchEntity: The Access Key with id \(TestAWS.accessKeyID) cannot be found.")
        }
        let role = try await iam.keys.roles.create(
            NewEntity("ci"),
            trust: #"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}]}"#,
            in: iam.account)
        let session = CallerSession(
            accessKeyID: "ASIAIOSFODNN7EXAMPLE", issuedAt: TestAWS.now, expiresAt: TestAWS.now + .seconds(3_600))
        let caller = Caller.session(of: role.entity.identity(), named: "s", in: iam.account, session: session)
        for (name, input): (String, JSONValue) in [
            ("GetUser", [:]), ("CreateAccessKey", [:]), ("ListAccessKeys", [:]),
            ("DeleteAccessKey", ["AccessKeyId": "AKIAIOSFODNN7EXAMPLE"]),
            ("UpdateAccessKey", ["AccessKeyId": "AKIAIOSFODNN7EXAMPLE", "Status": "Inactive"]),
        ] {
            #expect(
                try await iam.told(name, input, by: caller)
                    == "400 ValidationError: Must specify userName when calling with non-User credentials", "\(name)")
        }
    }

    // MARK: Names that look like more than they are

    @Test func aNameIsNoRight() async throws {
        let iam = try await IAMHouse()
        for name in ["root", "Root2", "AdministratorAccess", "111122223333"] {
            let caller = try await iam.user(name)
            #expect(!caller.isRoot)
            #expect(try await iam.told("ListUsers", by: caller).hasPrefix("403 AccessDenied"))
        }
        for name in [
            " root", "*", "a/*", "${aws:username}", "a\u{0}", "\u{212A}", "ſ", "", "a:b", String(repeating: "u", count: 65),
        ] {
            let told = try await iam.told("CreateUser", ["UserName": .string(name)])
            #expect(told.hasPrefix("400 ValidationError: "), "\(name)")
        }
        // Members that belong to other operations change nothing.
        try await iam.call(
            "CreateUser", ["UserName": "eve", "UserId": "AIDAAAAAAAAAAAAAAAAAA", "NewUserName": "root2", "PolicyArns": []])
        let eve = try await iam.call("GetUser", ["UserName": "eve"])["User"]
        #expect(eve?["UserId"] != "AIDAAAAAAAAAAAAAAAAAA" && eve?["UserName"] == "eve")
    }

    @Test func accountsDoNotMix() async throws {
        let iam = try await IAMHouse()
        let abroad = try iam.foreignRoot
        try await iam.call("CreateUser", ["UserName": "bob"])
        let id = try #require(try await iam.call("CreateAccessKey", ["UserName": "bob"])["AccessKey"]?["AccessKeyId"])
        #expect(try await iam.call("ListUsers", by: abroad)["Users"] == [])
        #expect(try await iam.told("GetUser", ["UserName": "bob"], by: abroad).hasPrefix("404 NoSuchEntity"))
        try await iam.call("CreateUser", ["UserName": "bob"], by: abroad)
        let (one, other) = (
            try await iam.call("GetUser", ["UserName": "bob"])["User"]?["UserId"],
            try await iam.call("GetUser", ["UserName": "bob"], by: abroad)["User"]?["UserId"]
        )
        #expect(one != nil && one != other)
        for (name, input): (String, JSONValue) in [
            ("DeleteAccessKey", ["UserName": "bob", "AccessKeyId": id]),
            ("UpdateAccessKey", ["UserName": "bob", "AccessKeyId": id, "Status": "Inactive"]),
        ] { #expect(try await iam.told(name, input, by: abroad).hasPrefix("404 NoSuchEntity: The Access Key")) }
        #expect(try await iam.told("GetAccessKeyLastUsed", ["AccessKeyId": id], by: abroad).hasPrefix("403 AccessDenied"))
    }
}
