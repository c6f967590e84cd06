import WeirCore
import WeirIdentity

/// Groups, and the users in them.
struct GroupOperations: Sendable {
    let groups: Groups
    let targets: IAMTargets

    var table: [AWSOperation] {
        [
            AWSOperation(.iam, "CreateGroup", may: targets.creating(.group) { try Self.new($0) }) { try await create($0) },
            AWSOperation(.iam, "GetGroup", may: targets.on(.group) { try $0.groupName() }) { try await get($0) },
            AWSOperation(
                .iam, "UpdateGroup", may: targets.renaming(.group) { try Self.renamed($0) }, doing: { try await update($0) }),
            AWSOperation(.iam, "ListGroups", may: .account) { try await list($0) },
            AWSOperation(.iam, "DeleteGroup", may: targets.on(.group) { try $0.groupName() }, doing: { try await delete($0) }),
            AWSOperation(
                .iam, "AddUserToGroup", may: targets.on(.group) { try Self.member($0).group }, doing: { try await add($0) }),
            AWSOperation(
                .iam, "RemoveUserFromGroup", may: targets.on(.group) { try Self.member($0).group },
                doing: { try await remove($0) }),
            AWSOperation(.iam, "ListGroupsForUser", may: targets.on(.user) { try $0.userName() }) { try await listOfUser($0) },
        ]
    }

    private static func new(_ call: AWSCall) throws -> NewEntity {
        let (name, path) = try call.validated({ try $0.groupName() }, { try $0.path() })
        return NewEntity(name, path: path)
    }

    private static func renamed(_ call: AWSCall) throws -> (String, String?, String?) {
        try call.validated(
            { try $0.groupName() }, { try $0.input.optionalName("NewGroupName", 1...128) }, { try $0.optionalPath("NewPath") })
    }

    private static func member(_ call: AWSCall) throws -> (group: String, user: String) {
        try call.validated({ try $0.groupName() }, { try $0.userName() })
    }

    private func create(_ call: AWSCall) async throws -> JSONValue {
        ["Group": .group(try await groups.create(Self.new(call), in: call.registry.account), in: targets.partition)]
    }

    private func get(_ call: AWSCall) async throws -> JSONValue {
        let name = try call.groupName()
        let page = try IAMPageRequest(call, of: "GetGroup \(name)")
        let (group, users) = try await groups.get(
            name, in: call.registry.account, usersAfter: page.after, limit: page.limit)
        return page.answer(users.items, next: users.next, as: "Users", ["Group": .group(group, in: targets.partition)]) {
            .user($0, .brief, in: targets.partition)
        }
    }

    private func update(_ call: AWSCall) async throws {
        let (name, newName, newPath) = try Self.renamed(call)
        try await groups.update(name, to: newName, path: newPath, in: call.registry.account)
    }

    private func list(_ call: AWSCall) async throws -> JSONValue {
        let path = try call.pathPrefix()
        let page = try IAMPageRequest(call, of: "ListGroups \(path)")
        let groups = try await groups.list(in: call.registry.account, path: path, after: page.after, limit: page.limit)
        return page.answer(groups.items, next: groups.next, as: "Groups") { .group($0, in: targets.partition) }
    }

    private func delete(_ call: AWSCall) async throws {
        try await groups.delete(call.groupName(), in: call.registry.account)
    }

    private func add(_ call: AWSCall) async throws {
        let (group, user) = try Self.member(call)
        try await groups.add(user: user, to: group, in: call.registry.account)
    }

    private func remove(_ call: AWSCall) async throws {
        let (group, user) = try Self.member(call)
        try await groups.remove(user: user, from: group, in: call.registry.account)
    }

    private func listOfUser(_ call: AWSCall) async throws -> JSONValue {
        let name = try call.userName()
        let page = try IAMPageRequest(call, of: "ListGroupsForUser \(name)")
        let groups = try await groups.groups(
            ofUser: name, in: call.registry.account, after: page.after, limit: page.limit)
        return page.answer(groups.items, next: groups.next, as: "Groups") { .group($0, in: targets.partition) }
    }
}
