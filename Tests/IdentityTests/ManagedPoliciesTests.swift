import Testing
import WeirCore
import WeirIdentity

@Suite struct AWSManagedPoliciesTests {
    @Test func eachDocumentIsAPolicyOfAnIdentity() throws {
        #expect(AWSManagedPolicies.all.count == 19)
        for policy in AWSManagedPolicies.all {
            #expect(throws: Never.self, "\(policy.name)") {
                _ = try PolicyDocument(policy.text, as: .identity, maxLength: 131_072)
            }
            #expect(EntityID.isID(policy.id) && policy.id.hasPrefix("ANPA"))
        }
        #expect(Set(AWSManagedPolicies.all.map(\.id)).count == 19)
    }

    @Test func theyAreFoundInEveryPartitionAndInTheirOwnCase() throws {
        let pullOnly = try #require(
            AWSManagedPolicies.policy(arn: "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPullOnly"))
        #expect(pullOnly.version == 1 && pullOnly.createdAt == Timestamp(iso8601: "2024-10-04T16:58:49Z"))
        #expect(
            AWSManagedPolicies.policy(arn: "arn:aws-cn:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy")?.path
                == "/service-role/")
        let strangers = [
            "arn:aws:iam::aws:policy/administratoraccess", "x:y:iam::aws:policy/AdministratorAccess",
            "arn:other:iam::aws:policy/AdministratorAccess", "arn:aws:iam::aws:policy/x/AdministratorAccess",
            "arn:aws:iam:us-east-1:aws:policy/AdministratorAccess", "arn:aws:sts::aws:policy/AdministratorAccess",
            "arn:aws:iam::111122223333:policy/AdministratorAccess", "arn:aws:iam::aws:role/AdministratorAccess", "", "arn",
        ]
        for stranger in strangers { #expect(AWSManagedPolicies.policy(arn: stranger) == nil, "\(stranger)") }
    }

    @Test func pullOnlyAllowsPullsAndNothingElse() async throws {
        let room = try await PolicyRoom()
        let bob = try await room.made(.user, "bob")
        try await room.attachments.attach("arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPullOnly", to: bob)
        let repository = "arn:aws:ecr:us-east-1:111122223333:repository/app"
        for action in ["BatchGetImage", "GetDownloadUrlForLayer", "BatchImportUpstreamImage"] {
            #expect(try await room.may("bob", "ecr:\(action)", on: repository))
        }
        #expect(try await room.may("bob", "ecr:GetAuthorizationToken"))
        for action in ["PutImage", "CreateRepository", "DescribeRepositories", "BatchDeleteImage"] {
            #expect(try await !room.may("bob", "ecr:\(action)", on: repository))
        }
    }

    @Test func noneOfThemCanBeChanged() async throws {
        let room = try await PolicyRoom()
        let arn = "arn:aws:iam::aws:policy/ReadOnlyAccess"
        let changes: [@Sendable () async throws -> Void] = [
            { try await room.policies.delete(arn, in: room.account) },
            { try await room.policies.tag(arn, [ResourceTag(key: "a", value: "b")], in: room.account) },
            { try await room.policies.untag(arn, ["a"], in: room.account) },
            {
                _ = try await room.policies.createVersion(
                    of: arn, document: PolicyRoom.anything, isDefault: true, in: room.account)
            },
            { try await room.policies.setDefault("v182", of: arn, in: room.account) },
            { try await room.policies.deleteVersion("v182", of: arn, in: room.account) },
        ]
        for change in changes {
            #expect(try await PolicyRoom.refusal(change) == "accessDenied: Policy is outside your own account.")
        }
        let versions = try await room.policies.versions(of: arn, in: room.account)
        #expect(versions.map(\.id) == ["v182"] && versions[0].isDefault && versions[0].document.utf8.count > 80_000)
    }
}

@Suite struct ManagedPoliciesTests {
    @Test func aPolicyIsMadeFoundAndDeleted() async throws {
        let room = try await PolicyRoom()
        let document =
            "{\n\t\"Version\": \"2012-10-17\",\r\n \"Statement\": {\"Effect\":\"Allow\",\"Action\":\"ecr:*\",\"Resource\":\"*\"}} "
        let made = try await room.policies.create(
            "Deploy", path: "/team/", document: document, description: "d",
            tags: [ResourceTag(key: "b", value: "1"), ResourceTag(key: "B", value: "2")], in: room.account)
        let arn = "arn:aws:iam::111122223333:policy/team/Deploy"
        #expect(made.arn.text() == arn && made.id.hasPrefix("ANPA") && made.defaultVersion == 1)
        let found = try await room.policies.policy(arn, in: room.account)
        #expect(found == made && found.tags.map(\.key) == ["B", "b"])
        #expect(try await room.policies.policy("arn:aws-cn:iam::111122223333:policy/team/Deploy", in: room.account) == made)
        #expect(try await room.policies.version("v1", of: arn, in: room.account).document == document)
        try await room.policies.delete(arn, in: room.account)
        #expect(
            try await PolicyRoom.refusal { _ = try await room.policies.policy(arn, in: room.account) }
                == "noSuchEntity: Policy \(arn) was not found.")
    }

    @Test func namesAreTakenWhateverTheirCaseAndPath() async throws {
        let room = try await PolicyRoom()
        _ = try await room.create("Deploy")
        #expect(
            try await PolicyRoom.refusal { _ = try await room.create("dePLOY", path: "/x/") }
                == "entityAlreadyExists: A policy called dePLOY already exists. Duplicate names are not allowed.")
        // Whoever is asked for a policy is asked for it by its exact ARN.
        for arn in ["arn:aws:iam::111122223333:policy/deploy", "arn:aws:iam::111122223333:policy/x/Deploy"] {
            #expect(
                try await PolicyRoom.refusal { _ = try await room.policies.policy(arn, in: room.account) }
                    == "noSuchEntity: Policy \(arn) was not found.")
        }
    }

    @Test func anotherAccountsPolicyIsUnknown() async throws {
        let room = try await PolicyRoom()
        let arn = try await room.create("Deploy")
        let other = try AccountID("444455556666")
        #expect(
            try await PolicyRoom.refusal { _ = try await room.policies.policy(arn, in: other) }
                == "noSuchEntity: Policy \(arn) was not found.")
        let eve = try await room.made(.user, "eve", in: other)
        #expect(
            try await PolicyRoom.refusal { try await room.attachments.attach(arn, to: eve) }
                == "noSuchEntity: Policy \(arn) does not exist or is not attachable.")
        // A policy of the account's own by AWS's name is not AWS's.
        let own = try await room.create("AdministratorAccess", PolicyRoom.nothing)
        let bob = try await room.made(.user, "bob")
        try await room.attachments.attach(own, to: bob)
        #expect(try await !room.may("bob", "ecr:PutImage"))
    }

    @Test(
        "What is no policy is refused",
        arguments: [
            "", "x", "{}", "[]", #"{"Version":"2012-10-17","Statement":[]}"#, #"{"Version":"2012-10-17"}"#,
            #"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}"#,
            #"{"Version":"2012-10-17","Statement":{"Effect":"allow","Action":"*","Resource":"*"}}"#,
            #"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Effect":"Deny","Action":"*","Resource":"*"}}"#,
            String(repeating: "[", count: 100_000),
            #"{"Version":"2012-10-17","Statement":"# + String(repeating: "[", count: 5_000),
            String(repeating: "{\"a\":", count: 10_000), "{\"Version\":\"2012-10-17\u{0}\"}",
            String(repeating: " ", count: 131_073),
        ])
    func malformed(document: String) async throws {
        let room = try await PolicyRoom()
        let bob = try await room.made(.user, "bob")
        let arn = try await room.create("good")
        for attempt: @Sendable () async throws -> Void in [
            { _ = try await room.create("bad", document) },
            { _ = try await room.policies.createVersion(of: arn, document: document, isDefault: true, in: room.account) },
            { try await room.inline.put("bad", document: document, of: bob) },
        ] {
            #expect(try await PolicyRoom.refusal(attempt)?.hasPrefix("malformedPolicyDocument: ") == true)
        }
    }

    /// White space does not count.
    @Test func aDocumentMayHaveSoManyCharacters() async throws {
        let room = try await PolicyRoom()
        func document(_ size: Int, spaces: Int = 0) -> String {
            let head = #"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Sid":""#
            return head + String(repeating: "a", count: size - head.count - 3) + "\"" + String(repeating: " \n", count: spaces)
                + "}}"
        }
        _ = try await room.create("most", document(6_144, spaces: 20_000))
        #expect(
            try await PolicyRoom.refusal { _ = try await room.create("more", document(6_145)) }
                == "iamLimitExceeded: Cannot exceed quota for PolicySize: 6144")
        for (kind, most) in [(EntityKind.user, 2_048), (.group, 5_120), (.role, 10_240)] {
            let owner = try await room.made(kind, "o\(kind.rawValue)")
            try await room.inline.put("a", document: document(most - 1_000, spaces: 100), of: owner)
            try await room.inline.put("b", document: document(1_000), of: owner)
            #expect(
                try await PolicyRoom.refusal { try await room.inline.put("b", document: document(1_001), of: owner) }
                    == "iamLimitExceeded: Maximum policy size of \(most) bytes exceeded for \(kind.rawValue) o\(kind.rawValue)")
            try await room.inline.delete("a", of: owner)
            try await room.inline.put("b", document: document(1_001), of: owner)
        }
    }

    @Test func anInlinePolicyComesBackAsItWasGiven() async throws {
        let room = try await PolicyRoom()
        let bob = try await room.made(.user, "bob")
        let text = " " + PolicyRoom.anything + "\n"
        try await room.inline.put("own", document: text, of: bob)
        let read = try await room.inline.document("own", of: bob)
        #expect(read.owner == "bob" && read.text == text)
        #expect(
            try await PolicyRoom.refusal { _ = try await room.inline.document("Own", of: bob) }
                == "noSuchEntity: The user policy with name Own cannot be found.")
    }

    @Test func tagsAreToldApartByCase() async throws {
        let room = try await PolicyRoom()
        let arn = try await room.create("tagged")
        func tags(_ keys: [String]) -> [ResourceTag] { keys.map { ResourceTag(key: $0, value: "v") } }
        #expect(
            try await PolicyRoom.refusal { try await room.policies.tag(arn, tags(["a", "a"]), in: room.account) }
                == "iamInvalidInput: Duplicate tag keys found.")
        try await room.policies.tag(arn, tags(["a", "A", "c"]), in: room.account)
        try await room.policies.untag(arn, ["a", "z"], in: room.account)
        #expect(try await room.policies.policy(arn, in: room.account).tags.map(\.key) == ["A", "c"])
        try await room.policies.tag(arn, tags((1...48).map { "k\($0)" }), in: room.account)
        #expect(
            try await PolicyRoom.refusal { try await room.policies.tag(arn, tags(["one more"]), in: room.account) }
                == "iamLimitExceeded: The number of tags has reached the maximum limit.")
        try await room.policies.tag(arn, tags(["A"]), in: room.account)
    }
}

@Suite struct PolicyVersionsTests {
    @Test func numbersAreNeverGivenTwice() async throws {
        let room = try await PolicyRoom()
        let arn = try await room.create("p")
        for number in 2...5 {
            let version = try await room.policies.createVersion(
                of: arn, document: PolicyRoom.nothing, isDefault: false, in: room.account)
            #expect(version.id == "v\(number)" && !version.isDefault)
        }
        let sixth = { @Sendable in
            _ = try await room.policies.createVersion(of: arn, document: PolicyRoom.nothing, isDefault: true, in: room.account)
        }
        #expect(
            try await PolicyRoom.refusal(sixth)
                == "iamLimitExceeded: A managed policy can have up to 5 versions. Before you create a new version, you must delete an "
                + "existing version.")
        try await room.policies.deleteVersion("v5", of: arn, in: room.account)
        try await sixth()
        #expect(try await room.policies.versions(of: arn, in: room.account).map(\.id) == ["v6", "v4", "v3", "v2", "v1"])
        #expect(try await room.policies.policy(arn, in: room.account).defaultVersion == 6)
    }

    @Test func theDefaultStays() async throws {
        let room = try await PolicyRoom()
        let arn = try await room.create("p")
        #expect(
            try await PolicyRoom.refusal { try await room.policies.deleteVersion("v1", of: arn, in: room.account) }
                == "deleteConflict: Cannot delete the default version of a policy.")
        for id in ["v2", "v1.x", "v99999999999999999999999999", "v01"] {
            for attempt: @Sendable () async throws -> Void in [
                { _ = try await room.policies.version(id, of: arn, in: room.account) },
                { try await room.policies.setDefault(id, of: arn, in: room.account) },
                { try await room.policies.deleteVersion(id, of: arn, in: room.account) },
            ] {
                #expect(
                    try await PolicyRoom.refusal(attempt)
                        == "noSuchEntity: Policy \(arn) version \(id) does not exist or is not attachable.")
            }
        }
        _ = try await room.policies.createVersion(of: arn, document: PolicyRoom.nothing, isDefault: false, in: room.account)
        #expect(
            try await PolicyRoom.refusal { try await room.policies.delete(arn, in: room.account) }?.hasPrefix(
                "deleteConflict: This policy has more than one version.") == true)
    }

    @Test func decisionsChangeAtOnce() async throws {
        let room = try await PolicyRoom()
        let bob = try await room.made(.user, "bob")
        let arn = try await room.create("p")
        try await room.attachments.attach(arn, to: bob)
        #expect(try await room.may("bob", "ecr:PutImage"))
        _ = try await room.policies.createVersion(of: arn, document: PolicyRoom.nothing, isDefault: true, in: room.account)
        #expect(try await !room.may("bob", "ecr:PutImage"))
        try await room.policies.setDefault("v1", of: arn, in: room.account)
        #expect(try await room.may("bob", "ecr:PutImage"))
        try await room.boundaries.set("arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryReadOnly", of: bob)
        #expect(try await !room.may("bob", "ecr:PutImage"))
        try await room.boundaries.delete(of: bob)
        try await room.inline.put("no", document: PolicyRoom.nothing, of: bob)
        #expect(try await !room.may("bob", "ecr:PutImage"))
        try await room.inline.delete("no", of: bob)
        #expect(try await room.may("bob", "ecr:PutImage"))
        try await room.attachments.detach(arn, from: bob)
        #expect(try await !room.may("bob", "ecr:PutImage"))
    }
}

@Suite struct PolicyAttachmentsTests {
    @Test func attachingTwiceIsAttachingOnce() async throws {
        let room = try await PolicyRoom()
        let bob = try await room.made(.user, "bob")
        let arn = try await room.create("p")
        for text in [arn, arn, "arn:aws-cn:iam::111122223333:policy/p"] { try await room.attachments.attach(text, to: bob) }
        let listed = try await room.attachments.list(
            of: PolicyOwner(.user, named: "BOB", in: room.account), path: "/", after: nil, limit: 5)
        #expect(listed.policies.map { $0.text() } == [arn] && listed.next == nil)
        #expect(try await room.policies.policy(arn, in: room.account).attachments == 1)
        #expect(
            try await PolicyRoom.refusal { try await room.policies.delete(arn, in: room.account) }
                == "deleteConflict: Cannot delete a policy attached to entities.")
        try await room.attachments.detach(arn, from: bob)
        #expect(
            try await PolicyRoom.refusal { try await room.attachments.detach(arn, from: bob) }
                == "noSuchEntity: Policy \(arn) was not found.")
    }

    @Test func whatCannotBeAttached() async throws {
        let room = try await PolicyRoom()
        let bob = try await room.made(.role, "bob")
        let absent = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
        #expect(
            try await PolicyRoom.refusal { try await room.attachments.attach(absent, to: bob) }
                == "noSuchEntity: Policy \(absent) does not exist or is not attachable.")
        for text in ["no-arn-at-all-but-long-enough", "arn:aws:iam::111122223333:role/bob", "arn:aws:iam::1:policy/p"] {
            #expect(
                try await PolicyRoom.refusal { try await room.attachments.attach(text, to: bob) }
                    == "validation: ARN \(text) is not valid.")
        }
        let service = "arn:aws:iam::aws:policy/aws-service-role/ECRTemplateServiceRolePolicy"
        #expect(
            try await PolicyRoom.refusal { try await room.attachments.attach(service, to: bob) }
                == "policyNotAttachable: Cannot attach a Service Role Policy to a Customer Role.")
        let ghost = PolicyOwner(.group, named: "ghost", in: room.account)
        #expect(
            try await PolicyRoom.refusal { try await room.attachments.attach(absent, to: ghost) }
                == "noSuchEntity: The group with name ghost cannot be found.")
        let linked = try await room.made(.role, "linked", path: "/aws-service-role/ecr.amazonaws.com/")
        #expect(
            try await PolicyRoom.refusal { try await room.inline.put("p", document: PolicyRoom.anything, of: linked) }?
                .hasPrefix("unmodifiableEntity: ") == true)
    }

    @Test func tenAreTheMost() async throws {
        let room = try await PolicyRoom()
        let bob = try await room.made(.role, "bob")
        for number in 1...10 { try await room.attachments.attach(try await room.create("p\(number)"), to: bob) }
        let more = try await room.create("more")
        #expect(
            try await PolicyRoom.refusal { try await room.attachments.attach(more, to: bob) }
                == "iamLimitExceeded: Cannot exceed quota for PoliciesPerRole: 10")
        try await room.attachments.attach("arn:aws:iam::111122223333:policy/p1", to: bob)
        var (names, after): ([String], String?) = ([], nil)
        repeat {
            let page = try await room.attachments.list(of: bob, path: "/", after: after, limit: 3)
            names += page.policies.map(\.name)
            after = page.next
        } while after != nil
        #expect(names == ["p1", "p10", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9"])
    }

    @Test func whoUsesAPolicy() async throws {
        let room = try await PolicyRoom()
        let arn = try await room.create("p")
        let other = try AccountID("444455556666")
        let owners = [
            try await room.made(.user, "ann", path: "/team/"), try await room.made(.group, "dev"),
            try await room.made(.role, "ci"),
        ]
        for owner in owners { try await room.attachments.attach(arn, to: owner) }
        try await room.boundaries.set(arn, of: try await room.made(.user, "bob"))
        try await room.attachments.attach(
            "arn:aws:iam::aws:policy/IAMFullAccess", to: try await room.made(.user, "stranger", in: other))
        let policy = try await room.policies.policy(arn, in: room.account)
        #expect(policy.attachments == 3 && policy.boundaries == 1)
        #expect(
            try await room.policies.policy("arn:aws:iam::aws:policy/IAMFullAccess", in: room.account).attachments == 0)
        func names(_ use: PolicyUse?, _ kind: EntityKind? = nil, path: String = "/", limit: Int = 100) async throws -> [String] {
            var (names, after): ([String], String?) = ([], nil)
            repeat {
                let page = try await room.policies.entities(
                    using: arn, as: use, kind: kind, path: path, in: room.account, after: after, limit: limit)
                names += page.entities.map(\.name)
                after = page.next
            } while after != nil
            return names
        }
        #expect(try await names(nil) == ["dev", "ci", "ann", "bob"])
        #expect(try await names(nil, limit: 1) == ["dev", "ci", "ann", "bob"])
        #expect(try await names(.permissions) == ["dev", "ci", "ann"])
        #expect(try await names(.boundary) == ["bob"])
        #expect(try await names(nil, .user, limit: 1) == ["ann", "bob"])
        #expect(try await names(nil, path: "/team") == ["ann"])
        #expect(try await names(nil, .policy).isEmpty)
    }

    @Test func lists() async throws {
        let room = try await PolicyRoom()
        for name in ["b", "A", "c"] { _ = try await room.create(name, path: name == "c" ? "/team/" : "/") }
        let bob = try await room.made(.user, "bob")
        try await room.attachments.attach("arn:aws:iam::111122223333:policy/b", to: bob)
        try await room.attachments.attach("arn:aws:iam::aws:policy/PowerUserAccess", to: bob)
        try await room.boundaries.set("arn:aws:iam::111122223333:policy/A", of: bob)
        func names(_ filter: ManagedPolicies.Filter, limit: Int = 100) async throws -> [String] {
            var (names, after): ([String], String?) = ([], nil)
            repeat {
                let page = try await room.policies.list(filter, in: room.account, after: after, limit: limit)
                names += page.policies.map(\.arn.name)
                after = page.next
            } while after != nil
            return names
        }
        #expect(try await names(.init(scope: .local)) == ["A", "b", "c"])
        #expect(try await names(.init(scope: .aws)).count == 19)
        let all = try await names(.init())
        #expect(all.count == 22)
        for limit in [1, 2, 3, 4, 21, 22] { #expect(try await names(.init(), limit: limit) == all) }
        #expect(try await names(.init(isUsed: true), limit: 1) == ["A", "b", "PowerUserAccess"])
        #expect(try await names(.init(isUsed: true, use: .permissions)) == ["b", "PowerUserAccess"])
        #expect(try await names(.init(use: .boundary)) == ["A"])
        #expect(try await names(.init(scope: .local, use: .permissions)) == ["b", "c"])
        #expect(try await names(.init(path: "/team/")) == ["c"])
        #expect(try await names(.init(scope: .aws, path: "/service-role/")).count == 2)
    }

    @Test func boundaries() async throws {
        let room = try await PolicyRoom()
        let bob = try await room.made(.user, "bob")
        #expect(
            try await PolicyRoom.refusal { try await room.boundaries.set("arn:aws:iam::111122223333:user/bob", of: bob) }
                == "iamInvalidInput: ARN arn:aws:iam::111122223333:user/bob is not valid.")
        #expect(
            try await PolicyRoom.refusal { try await room.boundaries.set("arn:aws:iam::111122223333:policy/none", of: bob) }
                == "noSuchEntity: Scope ARN: arn:aws:iam::111122223333:policy/none does not exist or is not attachable.")
        try await room.boundaries.set("arn:aws-cn:iam::aws:policy/IAMFullAccess", of: bob)
        #expect(
            try await room.policies.policy("arn:aws:iam::aws:policy/IAMFullAccess", in: room.account).boundaries == 1)
    }
}
