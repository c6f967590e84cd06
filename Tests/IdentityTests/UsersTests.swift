import Testing
import WeirCore
import WeirIdentity

@Suite struct UsersTests {
    @Test func aUserKeepsItsIDWhateverItIsCalled() async throws {
        let room = try await EntityRoom()
        let bob = try await room.users.create(
            NewEntity("bob", path: "/team/", tags: [ResourceTag(key: "b", value: "2"), ResourceTag(key: "a", value: "1")]),
            in: room.home)
        #expect(bob.id.hasPrefix("AIDA") && bob.id.utf8.count == 21 && EntityID.isID(bob.id))
        #expect(bob.arn() == "arn:aws:iam::111122223333:user/team/bob" && bob.tags.map(\.key) == ["a", "b"])
        try await room.users.update("BOB", to: "Robert", path: nil, in: room.home)
        let robert = try await room.users.get("robert", in: room.home)
        #expect(robert.id == bob.id && robert.arn() == "arn:aws:iam::111122223333:user/team/Robert" && robert.tags == bob.tags)
        try await room.users.update("Robert", to: nil, path: "/", in: room.home)
        #expect(try await room.users.get("Robert", in: room.home).path == "/")
        #expect(
            try await told { try await room.users.get("bob", in: room.home) }
                == "noSuchEntity: The user with name bob cannot be found.")
        // Its own name in another case is free to itself.
        try await room.users.update("Robert", to: "ROBERT", path: nil, in: room.home)
        #expect(try await room.users.get("robert", in: room.home).name == "ROBERT")
    }

    @Test func namesAreUniqueWithoutRegardToCaseInTheirAccountAndKind() async throws {
        let room = try await EntityRoom()
        _ = try await room.user("Bob")
        for name in ["Bob", "bob", "BOB"] {
            #expect(try await told { try await room.user(name) } == "entityAlreadyExists: User with name \(name) already exists.")
        }
        _ = try await room.user("bob", in: room.other)
        _ = try await room.groups.create(NewEntity("bob"), in: room.home)
        _ = try await room.user("ann")
        #expect(
            try await told { try await room.users.update("ann", to: "BOB", path: nil, in: room.home) }
                == "entityAlreadyExists: User with name BOB already exists.")
        #expect(
            try await told { try await room.users.update("nobody", to: "x", path: nil, in: room.home) }
                == "noSuchEntity: The user with name nobody cannot be found.")
        #expect(try await room.users.list(in: room.other, limit: 10).items.map(\.name) == ["bob"])
    }

    @Test func listsGoOnWhereTheyEnded() async throws {
        let room = try await EntityRoom()
        for (name, path) in [("c", "/team/"), ("B", "/team1/"), ("a", "/"), ("d", "/te%am/"), ("e", "/team/")] {
            _ = try await room.user(name, path: path)
        }
        var (seen, after): ([String], String?) = ([], nil)
        repeat {
            let page = try await room.users.list(in: room.home, after: after, limit: 2)
            seen += page.items.map(\.name)
            after = page.next
        } while after != nil
        #expect(seen == ["a", "B", "c", "d", "e"])
        #expect(try await room.users.list(in: room.home, path: "/team", limit: 10).items.map(\.name) == ["B", "c", "e"])
        #expect(try await room.users.list(in: room.home, path: "/team/", limit: 10).items.map(\.name) == ["c", "e"])
        // Signs of SQL's patterns are letters.
        #expect(try await room.users.list(in: room.home, path: "/te%", limit: 10).items.map(\.name) == ["d"])
        #expect(try await room.users.list(in: room.home, path: "/te_m", limit: 10).items.isEmpty)
    }

    @Test func whatHangsOnAUserIsToldInOrder() async throws {
        let room = try await EntityRoom()
        let bob = try await room.user("bob")
        _ = try await room.groups.create(NewEntity("dev"), in: room.home)
        try await room.groups.add(user: "bob", to: "dev", in: room.home)
        let key = try await room.keys.create(for: room.owner(bob))
        try await room.write(
            "INSERT INTO iam_inline_policy (owner_id, name, document) VALUES ($1, $2, $3)",
            [.text(bob.id), .text("p"), .text("{}")])
        try await room.write(
            "INSERT INTO iam_attachment (owner_id, policy_arn, attached_at) VALUES ($1, $2, $3)",
            [.text(bob.id), .text("arn:aws:iam::aws:policy/X"), .integer(1)])
        func deletion() async throws -> String { try await told { try await room.users.delete("bob", in: room.home) } }
        #expect(try await deletion() == "deleteConflict: Cannot delete entity, must detach all policies first.")
        try await room.write("DELETE FROM iam_attachment WHERE owner_id = $1", [.text(bob.id)])
        #expect(try await deletion() == "deleteConflict: Cannot delete entity, must delete policies first.")
        try await room.write("DELETE FROM iam_inline_policy WHERE owner_id = $1", [.text(bob.id)])
        #expect(try await deletion() == "deleteConflict: Cannot delete entity, must delete access keys first.")
        try await room.keys.delete(key.id, of: room.owner(bob))
        #expect(try await deletion() == "deleteConflict: Cannot delete entity, must remove users from group first.")
        try await room.groups.remove(user: "bob", from: "dev", in: room.home)
        #expect(try await deletion() == "done")
        #expect(try await deletion() == "noSuchEntity: The user with name bob cannot be found.")
    }

    /// Recreated under the same name: another id, and nothing of the old one's.
    @Test func anotherUserOfTheSameNameInheritsNothing() async throws {
        let room = try await EntityRoom()
        let old = try await room.users.create(NewEntity("bob", tags: [ResourceTag(key: "team", value: "a")]), in: room.home)
        _ = try await room.roles.create(NewEntity("ci"), trust: room.trust(old.arn()), in: room.home)
        let key = try await room.keys.create(for: room.owner(old))
        room.keys.used(key.id, service: "ecr", region: room.region, at: room.now)
        try await room.keys.delete(key.id, of: room.owner(old))
        try await room.users.delete("bob", in: room.home)
        let new = try await room.user("bob")
        #expect(new.id != old.id && new.tags.isEmpty)
        #expect(try await room.principals.principal(id: old.id) == nil)
        #expect(try await room.keys.list(of: room.owner(new)).isEmpty)
        #expect(try await room.groups.groups(ofUser: "bob", in: room.home, limit: 10).items.isEmpty)
        // The role trusts the one who is gone.
        #expect(try await room.roles.get("ci", in: room.home).trust.contains("\"\(old.id)\""))
    }

    @Test func tagsAreSetByTheirKeysWithoutRegardToCase() async throws {
        let room = try await EntityRoom()
        _ = try await room.user("bob")
        func tags() async throws -> [String] {
            try await room.users.get("bob", in: room.home).tags.map { "\($0.key)=\($0.value)" }
        }
        try await room.users.tag("bob", in: room.home, [ResourceTag(key: "Team", value: "a"), ResourceTag(key: "b", value: "")])
        #expect(try await tags() == ["Team=a", "b="])
        try await room.users.tag("bob", in: room.home, [ResourceTag(key: "TEAM", value: "b")])
        #expect(try await tags() == ["TEAM=b", "b="])
        try await room.users.untag("bob", in: room.home, ["team", "nothing"])
        #expect(try await tags() == ["b="])
        #expect(
            try await told {
                try await room.users.tag(
                    "bob", in: room.home, [ResourceTag(key: "k", value: "1"), ResourceTag(key: "K", value: "2")])
            } == "iamInvalidInput: Duplicate tag keys found. Please note that Tag keys are case insensitive.")
        let many = (0..<49).map { ResourceTag(key: "t\($0)", value: "") }
        try await room.users.tag("bob", in: room.home, many)
        #expect(
            try await told { try await room.users.tag("bob", in: room.home, [ResourceTag(key: "more", value: "")]) }
                == "iamLimitExceeded: The number of tags has reached the maximum limit.")
        #expect(try await told { try await room.users.tag("bob", in: room.home, [ResourceTag(key: "T1", value: "x")]) } == "done")
        #expect(
            try await told { try await room.users.tag("bob", in: room.home, [ResourceTag(key: "AWS:x", value: "")]) }
                .hasPrefix("iamInvalidInput"))
    }

    @Test func aBoundaryMustBeAPolicyThatThereIs() async throws {
        let room = try await EntityRoom()
        for (arn, sentence) in [
            ("arn:aws:iam::111122223333:user/bob", "iamInvalidInput: ARN arn:aws:iam::111122223333:user/bob is not valid."),
            ("x", "iamInvalidInput: ARN x is not valid."),
            (
                "arn:aws:iam::111122223333:policy/None",
                "noSuchEntity: Scope ARN: arn:aws:iam::111122223333:policy/None does not exist or is not attachable."
            ),
            (
                "arn:aws:iam::444455556666:policy/None",
                "noSuchEntity: Scope ARN: arn:aws:iam::444455556666:policy/None does not exist or is not attachable."
            ),
        ] {
            #expect(try await told { try await room.users.create(NewEntity("bob", boundary: arn), in: room.home) } == sentence)
        }
        #expect(try await room.users.list(in: room.home, limit: 10).items.isEmpty)
    }
}

@Suite struct GroupsTests {
    @Test func usersComeAndGo() async throws {
        let room = try await EntityRoom()
        let group = try await room.groups.create(NewEntity("dev", path: "/x/"), in: room.home)
        #expect(group.id.hasPrefix("AGPA") && group.arn() == "arn:aws:iam::111122223333:group/x/dev")
        for name in ["c", "A", "b"] {
            _ = try await room.user(name)
            try await room.groups.add(user: name, to: "DEV", in: room.home)
            try await room.groups.add(user: name, to: "dev", in: room.home)
        }
        let first = try await room.groups.get("dev", in: room.home, limit: 2)
        #expect(first.users.items.map(\.name) == ["A", "b"] && first.users.next == "b")
        #expect(try await room.groups.get("dev", in: room.home, usersAfter: "b", limit: 2).users.items.map(\.name) == ["c"])
        #expect(
            try await told { try await room.groups.delete("dev", in: room.home) }
                == "deleteConflict: Cannot delete entity, must remove users from group first.")
        for name in ["A", "b", "c", "c"] { try await room.groups.remove(user: name, from: "dev", in: room.home) }
        try await room.groups.update("dev", to: "Ops", path: "/", in: room.home)
        #expect(try await room.groups.list(in: room.home, limit: 5).items.map(\.name) == ["Ops"])
        try await room.groups.delete("ops", in: room.home)
    }

    @Test func theUserIsLookedForFirst() async throws {
        let room = try await EntityRoom()
        #expect(
            try await told { try await room.groups.add(user: "u", to: "g", in: room.home) }
                == "noSuchEntity: The user with name u cannot be found.")
        _ = try await room.user("u")
        #expect(
            try await told { try await room.groups.add(user: "u", to: "g", in: room.home) }
                == "noSuchEntity: The group with name g cannot be found.")
        // Nor another account's.
        _ = try await room.groups.create(NewEntity("g"), in: room.other)
        #expect(
            try await told { try await room.groups.remove(user: "u", from: "g", in: room.home) }
                == "noSuchEntity: The group with name g cannot be found.")
    }

    @Test func aUserIsInTenGroupsAtMost() async throws {
        let room = try await EntityRoom()
        _ = try await room.user("u")
        for number in 0...10 { _ = try await room.groups.create(NewEntity("g\(number)"), in: room.home) }
        for number in 0..<10 { try await room.groups.add(user: "u", to: "g\(number)", in: room.home) }
        #expect(
            try await told { try await room.groups.add(user: "u", to: "g10", in: room.home) }
                == "iamLimitExceeded: Cannot exceed quota for GroupsPerUser: 10")
        try await room.groups.add(user: "u", to: "g9", in: room.home)
        let page = try await room.groups.groups(ofUser: "u", in: room.home, after: "g3", limit: 3)
        #expect(page.items.map(\.name) == ["g4", "g5", "g6"] && page.next == "g6")
    }
}
