import Testing
import WeirCore
import WeirIdentity

@Suite struct RolesTests {
    @Test func theTrustIsKeptByteForByte() async throws {
        let room = try await EntityRoom()
        let bob = try await room.user("bob", path: "/team/")
        let text = "\n\t" + room.trust(bob.arn()) + "  "
        let role = try await room.roles.create(
            NewEntity("ci", description: "for ci"), trust: text, maxSessionSeconds: 7_200, in: room.home)
        #expect(role.trust == text && role.maxSessionSeconds == 7_200 && role.entity.id.hasPrefix("AROA"))
        let found = try await room.roles.get("CI", in: room.home)
        #expect(found == role && found.lastUse == nil && found.service == nil)
        #expect(try await room.roles.list(in: room.home, limit: 10).items == [role])
    }

    /// Whom a trust names is found once. Renamed, it is the same; deleted, it is gone for ever.
    @Test func principalsArePinned() async throws {
        let room = try await EntityRoom()
        let bob = try await room.user("bob")
        let role = try await room.roles.create(NewEntity("ci"), trust: room.trust(bob.arn()), in: room.home)
        func evaluated(_ caller: Entity) async throws -> Bool {
            let trust = try #require(try await room.roles.trust(of: role.entity.id)?.trust)
            let request = AuthorizationRequest(
                caller: .user(caller.identity(), of: room.home), action: "sts:AssumeRole", resource: role.entity.arn(),
                owner: room.home, isStrict: true, context: PolicyContext())
            let layers = PolicyLayers(resource: [NamedPolicy(.resource("trust"), trust)], caller: CallerPolicies())
            return Authorizer.decide(request, layers).isAllowed
        }
        #expect(try await evaluated(bob))
        try await room.users.update("bob", to: "robert", path: "/x/", in: room.home)
        let robert = try await room.users.get("robert", in: room.home)
        #expect(try await evaluated(robert))
        #expect(try await room.roles.get("ci", in: room.home).trust.contains(#""arn:aws:iam::111122223333:user/x/robert""#))
        let another = try await room.user("bob")
        #expect(try await !evaluated(another))
        try await room.users.delete("robert", in: room.home)
        #expect(try await room.roles.get("ci", in: room.home).trust.contains(#""\#(bob.id)""#))
        // What was read can be saved again.
        let shown = try await room.roles.get("ci", in: room.home).trust
        try await room.roles.setTrust(shown, of: "ci", in: room.home)
        #expect(try await room.roles.get("ci", in: room.home).trust == shown)
        #expect(try await !evaluated(another))
    }

    @Test func whoIsNotThereIsNamed() async throws {
        let room = try await EntityRoom()
        _ = try await room.user("bob", path: "/team/")
        for name in ["user/nobody", "user/bob", "user/team/Bob", "role/ci", "role/x/y"] {
            let arn = "arn:aws:iam::111122223333:\(name)"
            #expect(
                try await told { try await room.roles.create(NewEntity("ci"), trust: room.trust(arn), in: room.home) }
                    == #"malformedPolicyDocument: Invalid principal in policy: "AWS":"\#(arn)""#)
        }
        let accepted = [
            "arn:aws:iam::999900001111:user/stranger", "111122223333", "arn:aws:iam::111122223333:root", "*",
            "AIDAAAAAAAAAAAAAAAAAA",
        ]
        for (number, principal) in accepted.enumerated() {
            _ = try await room.roles.create(NewEntity("r\(number)"), trust: room.trust(principal), in: room.home)
        }
        // Itself, once it is there.
        try await room.roles.setTrust(room.trust("arn:aws:iam::111122223333:role/r0"), of: "r0", in: room.home)
    }

    /// A condition that names an ARN is about the name, and stays as it is.
    @Test func conditionsAreNotRewritten() {
        let text =
            #"{"Statement":[{"Principal":{"AWS":["a","b"],"Federated":"f"},"Condition":{"ArnEquals":{"aws:PrincipalArn":"a"}}},"#
            + #"{"NotPrincipal":{"AWS":"a"}}]}"#
        #expect(PrincipalNames.names(in: text) == ["a", "b", "f"])
        let changed = PrincipalNames.replaced(in: text, ["a": "X"])
        #expect(PrincipalNames.names(in: changed) == ["X", "b", "f"] && changed.contains(#""aws:PrincipalArn":"a""#))
        #expect(PrincipalNames.replaced(in: text, ["c": "X"]) == text && PrincipalNames.replaced(in: "{", ["a": "X"]) == "{")
        for odd in ["", "[]", "1", #"{"Statement":1}"#, #"{"Statement":[1,{"Principal":"*"},{"Principal":{"AWS":1}}]}"#] {
            #expect(PrincipalNames.names(in: odd).isEmpty)
        }
    }

    @Test func textsThatAreNoTrust() async throws {
        let room = try await EntityRoom()
        _ = try await room.roles.create(NewEntity("ci"), trust: room.trust("*"), in: room.home)
        for text in [
            "", "x", "{}", "[]", #"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole"}]}"#,
        ] {
            let creation = try await told { try await room.roles.create(NewEntity("x"), trust: text, in: room.home) }
            #expect(creation.hasPrefix("malformedPolicyDocument: "), "\(text)")
            #expect(try await told { try await room.roles.setTrust(text, of: "ci", in: room.home) }.hasPrefix("malformed"))
        }
        let long = room.trust(String(repeating: "1", count: 12)).replacing(
            "\"Version\"", with: "\"Id\": \"\(String(repeating: "i", count: 2_048))\", \"Version\"")
        #expect(
            try await told { try await room.roles.create(NewEntity("x"), trust: long, in: room.home) }
                == "iamLimitExceeded: Cannot exceed quota for ACLSizePerRole: 2048")
        let wide = room.trust("*") + String(repeating: " ", count: 60_000)
        #expect(try await told { try await room.roles.create(NewEntity("x"), trust: wide, in: room.home) } == "done")
        #expect(
            try await told { try await room.roles.setTrust("x", of: "none", in: room.home) }
                == "noSuchEntity: The role with name none cannot be found.")
    }

    @Test(arguments: [
        ("{", "This policy contains invalid Json"),
        (
            #"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:Get*"}]}"#,
            "AssumeRole policy may only specify STS AssumeRole actions."
        ),
        (
            #"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole","Resource":"*"}]}"#,
            "Has prohibited field Resource"
        ),
    ])
    func sentencesAboutTexts(text: String, sentence: String) async throws {
        let room = try await EntityRoom()
        #expect(
            try await told { try await room.roles.create(NewEntity("x"), trust: text, in: room.home) }
                == "malformedPolicyDocument: \(sentence)")
    }

    /// A provider that was deleted and made again is another one; and one of many tenants needs a subject.
    @Test func providersArePinnedToo() async throws {
        let room = try await EntityRoom()
        func provider(_ id: String, _ url: String) async throws {
            try await room.write(
                """
                INSERT INTO iam_entity (id, account, kind, name, folded_name, path, created_at, changed_at, tags)
                VALUES ($1, '111122223333', 'oidc-provider', $2, $3, '/', 1, 1, '{}')
                """, [.text(id), .text(url), .text(url)])
        }
        let arn = "arn:aws:iam::111122223333:oidc-provider/issuer.example.com/a"
        let text = room.trust(arn, "Federated").replacing("sts:AssumeRole", with: "sts:AssumeRoleWithWebIdentity")
        try await provider("AOPAAAAAAAAAAAAAAAAAA", "issuer.example.com/a")
        let role = try await room.roles.create(NewEntity("ci"), trust: text, in: room.home).entity
        let trusted = try await room.roles.trust(of: role.id)?.trust
        #expect(trusted == (try PolicyDocument(text, as: .trust)))
        try await room.write("DELETE FROM iam_entity WHERE id = $1", [.text("AOPAAAAAAAAAAAAAAAAAA")])
        try await provider("AOPABBBBBBBBBBBBBBBBB", "issuer.example.com/a")
        // Past what the room remembers: every write of its own makes it forget.
        _ = try await room.user("bob")
        let now = try #require(try await room.roles.trust(of: role.id))
        #expect(now.trust != trusted)
        #expect(try await room.roles.get("ci", in: room.home).trust == text)
        let shared = text.replacing("issuer.example.com/a", with: "token.actions.githubusercontent.com")
        #expect(
            try await told { try await room.roles.setTrust(shared, of: "ci", in: room.home) }
                .hasPrefix("malformedPolicyDocument: The trust policy allows an identity provider of many tenants"))
    }

    @Test func whatIsLeftOutStaysAsItIs() async throws {
        let room = try await EntityRoom()
        _ = try await room.roles.create(NewEntity("ci", description: "d"), trust: room.trust("*"), in: room.home)
        #expect(try await room.roles.update("ci", RoleChange(maxSessionSeconds: 43_200), in: room.home).entity.description == "d")
        let changed = try await room.roles.update("ci", RoleChange(description: ""), in: room.home)
        #expect(changed.entity.description == "" && changed.maxSessionSeconds == 43_200)
    }

    @Test func aRoleGoesWithItsRowsAndNotBefore() async throws {
        let room = try await EntityRoom()
        let role = try await room.roles.create(NewEntity("ci"), trust: room.trust("*"), in: room.home)
        _ = try await room.profiles.create(NewEntity("p"), in: room.home)
        try await room.profiles.add(role: "ci", to: "p", in: room.home)
        #expect(
            try await told { try await room.roles.delete("ci", in: room.home) }
                == "deleteConflict: Cannot delete entity, must remove roles from instance profile first.")
        #expect(
            try await told { try await room.profiles.add(role: "ci", to: "p", in: room.home) }
                == "iamLimitExceeded: Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1")
        #expect(
            try await told { try await room.profiles.delete("p", in: room.home) }
                == "deleteConflict: Cannot delete entity, must remove roles from instance profile first.")
        #expect(try await room.profiles.list(ofRole: "ci", in: room.home, limit: 5).items.map(\.entity.name) == ["p"])
        #expect(try await room.profiles.get("p", in: room.home).role?.entity.id == role.entity.id)
        try await room.profiles.remove(role: "ci", from: "p", in: room.home)
        #expect(
            try await told { try await room.profiles.remove(role: "ci", from: "p", in: room.home) }.hasPrefix("noSuchEntity"))
        try await room.profiles.delete("p", in: room.home)
        #expect(try await room.roles.trust(of: role.entity.id) != nil)
        try await room.roles.delete("ci", in: room.home)
        #expect(try await room.roles.trust(of: role.entity.id) == nil)
        let rows = try await room.database.read { try $0.rows("SELECT id FROM iam_role", []) }
        #expect(rows.isEmpty)
        #expect(
            try await told { try await room.profiles.get("p", in: room.home) }
                == "noSuchEntity: Instance Profile p cannot be found.")
    }

    @Test func rolesAreFoundByTheirWholeARN() async throws {
        let room = try await EntityRoom()
        _ = try await room.roles.create(NewEntity("ci", path: "/team/"), trust: room.trust("*"), in: room.home)
        for (name, isFound) in [("team/ci", true), ("ci", false), ("team/CI", false), ("team/x/ci", false)] {
            let arn = try #require(RoleARN("arn:aws:iam::111122223333:role/\(name)"))
            #expect((try await room.roles.role(arn) != nil) == isFound, "\(name)")
        }
        let abroad = try #require(RoleARN("arn:aws:iam::444455556666:role/team/ci"))
        #expect(try await room.roles.role(abroad) == nil)
    }

    @Test func theLastUseOfARole() async throws {
        let room = try await EntityRoom()
        let role = try await room.roles.create(NewEntity("ci"), trust: room.trust("*"), in: room.home)
        room.roles.used(role.entity.id, region: room.region, at: room.now)
        #expect(try await room.roles.get("ci", in: room.home).lastUse?.at == room.now)
        try await room.keys.writeLastUses()
        let stored = try await room.roles.get("ci", in: room.home).lastUse
        #expect(stored == LastUse(at: room.now, service: "", region: "us-east-2"))
    }

    // MARK: Service-linked roles

    @Test func serviceLinkedRolesBelongToTheirServices() async throws {
        let room = try await EntityRoom()
        for linked in ServiceLinkedRole.all {
            let role = try await room.roles.createLinked(to: linked.service, description: nil, suffix: nil, in: room.home)
            #expect(role.entity.path == "/aws-service-role/\(linked.service)/" && role.service == linked.service)
            #expect(
                try await told {
                    try await room.roles.createLinked(to: linked.service, description: nil, suffix: nil, in: room.home)
                }
                    == "iamInvalidInput: Service role name \(linked.name) has been taken in this account, please try a different suffix."
            )
            let fixed =
                "unmodifiableEntity: Cannot perform the operation on the protected role '\(linked.name)' - this role is only modifiable by AWS"
            #expect(try await told { try await room.roles.delete(linked.name, in: room.home) } == fixed)
            #expect(try await told { try await room.roles.setTrust(room.trust("*"), of: linked.name, in: room.home) } == fixed)
            #expect(try await told { try await room.roles.update(linked.name, RoleChange(), in: room.home) } == fixed)
            #expect(
                try await told { try await room.roles.tag(linked.name, in: room.home, [ResourceTag(key: "a", value: "")]) }
                    == fixed)
            let task = try await room.roles.deleteLinked(linked.name, in: room.home)
            #expect(task.hasPrefix("task/aws-service-role/\(linked.service)/\(linked.name)/"))
            try room.roles.checkDeletion(task)
        }
        let left = try await room.database.read { try $0.rows("SELECT owner_id FROM iam_attachment", []) }
        #expect(left.isEmpty)
    }

    @Test func whatIsNoServiceLinkedRole() async throws {
        let room = try await EntityRoom()
        #expect(
            try await told {
                try await room.roles.createLinked(to: "ecr.amazonaws.com", description: nil, suffix: "x", in: room.home)
            } == "iamInvalidInput: Custom suffix is not allowed for ecr.amazonaws.com")
        #expect(
            try await told {
                try await room.roles.createLinked(to: "lambda.amazonaws.com", description: nil, suffix: nil, in: room.home)
            }.hasPrefix("iamInvalidInput: lambda.amazonaws.com has no service-linked role on this server."))
        #expect(
            try await told {
                try await room.roles.create(
                    NewEntity("r", path: "/aws-service-role/ecr.amazonaws.com/"), trust: room.trust("*"), in: room.home)
            }.hasPrefix("iamInvalidInput: The path /aws-service-role/"))
        _ = try await room.roles.create(NewEntity("plain"), trust: room.trust("*"), in: room.home)
        #expect(try await told { try await room.roles.deleteLinked("plain", in: room.home) }.hasPrefix("iamInvalidInput"))
        for task in ["", "task/x", "task/aws-service-role/ecr.amazonaws.com/AWSServiceRoleForECRTemplate/1"] {
            #expect(throws: Refusal.self) { try room.roles.checkDeletion(task) }
        }
    }
}
