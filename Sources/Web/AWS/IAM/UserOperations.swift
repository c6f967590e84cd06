import WeirCore
import WeirIdentity

/// Users: create, get, list, change, delete and tag.
struct UserOperations: Sendable {
    let users: Users
    let keys: AccessKeys
    let targets: IAMTargets

    var table: [AWSOperation] {
        [
            AWSOperation(.iam, "CreateUser", may: targets.creating(.user) { try Self.new($0) }) { try await create($0) },
            AWSOperation(.iam, "GetUser", may: targets.onSubject()) { try await get($0) },
            AWSOperation(
                .iam, "UpdateUser", may: targets.renaming(.user) { try Self.renamed($0) }, doing: { try await update($0) }),
            AWSOperation(.iam, "ListUsers", may: .account) { try await list($0) },
            AWSOperation(.iam, "DeleteUser", may: targets.on(.user) { try $0.userName() }, doing: { try await delete($0) }),
            AWSOperation(.iam, "TagUser", may: targets.tagging(.user) { try Self.tagged($0) }, doing: { try await tag($0) }),
            AWSOperation(
                .iam, "UntagUser", may: targets.untagging(.user) { try Self.untagged($0) }, doing: { try await untag($0) }),
            AWSOperation(.iam, "ListUserTags", may: targets.on(.user) { try $0.userName() }) { try await listTags($0) },
        ]
    }

    private static func new(_ call: AWSCall) throws -> NewEntity {
        let (name, path, boundary, tags) = try call.validated(
            { try $0.shortUserName() }, { try $0.path() }, { try $0.optionalARN("PermissionsBoundary") }, { try $0.tags() })
        return NewEntity(name, path: path, boundary: boundary, tags: tags)
    }

    private static func renamed(_ call: AWSCall) throws -> (String, String?, String?) {
        try call.validated(
            { try $0.userName() }, { try $0.input.optionalName("NewUserName", 1...64) }, { try $0.optionalPath("NewPath") })
    }

    private static func tagged(_ call: AWSCall) throws -> (String, [ResourceTag]) {
        try call.validated({ try $0.userName() }, { try $0.requiredTags() })
    }

    private static func untagged(_ call: AWSCall) throws -> (String, [String]) {
        try call.validated({ try $0.userName() }, { try $0.tagKeys() })
    }

    private func create(_ call: AWSCall) async throws -> JSONValue {
        let user = try await users.create(Self.new(call), in: call.registry.account)
        return ["User": .user(user, .created, in: targets.partition)]
    }

    private func get(_ call: AWSCall) async throws -> JSONValue {
        if let user = try await targets.entity(of: IAMTargets.subject(call), call) {
            return ["User": .user(user, .whole, in: targets.partition)]
        }
        // The account's root has no name.
        return [
            "User": [
                "Path": "/", "Arn": .string(call.caller.principalARN), "UserId": .string(call.caller.userID),
                "CreateDate": .moment(keys.createdAt(call.accessKeyID) ?? call.now),
            ]
        ]
    }

    private func update(_ call: AWSCall) async throws {
        let (name, newName, newPath) = try Self.renamed(call)
        try await users.update(name, to: newName, path: newPath, in: call.registry.account)
    }

    private func list(_ call: AWSCall) async throws -> JSONValue {
        let path = try call.pathPrefix()
        let page = try IAMPageRequest(call, of: "ListUsers \(path)")
        let users = try await users.list(in: call.registry.account, path: path, after: page.after, limit: page.limit)
        return page.answer(users.items, next: users.next, as: "Users") { .user($0, .brief, in: targets.partition) }
    }

    private func delete(_ call: AWSCall) async throws {
        try await users.delete(call.userName(), in: call.registry.account)
    }

    private func tag(_ call: AWSCall) async throws {
        let (name, tags) = try Self.tagged(call)
        try await users.tag(name, in: call.registry.account, tags)
    }

    private func untag(_ call: AWSCall) async throws {
        let (name, keys) = try Self.untagged(call)
        try await users.untag(name, in: call.registry.account, keys)
    }

    private func listTags(_ call: AWSCall) async throws -> JSONValue {
        let name = try call.userName()
        let page = try IAMPageRequest(call, of: "ListUserTags \(name)")
        return page.answer(tags: try await users.get(name, in: call.registry.account).tags)
    }
}
