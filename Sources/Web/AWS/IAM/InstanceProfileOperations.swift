import WeirCore
import WeirIdentity
import WeirRegistry

/// Instance profiles: records for the tools that make them.
struct InstanceProfileOperations: Sendable {
    let profiles: InstanceProfiles
    let targets: IAMTargets

    var table: [AWSOperation] {
        [
            AWSOperation(.iam, "CreateInstanceProfile", may: targets.creating(.instanceProfile) { try Self.new($0) }) {
                try await create($0)
            },
            AWSOperation(.iam, "GetInstanceProfile", may: profile) { try await get($0) },
            AWSOperation(.iam, "ListInstanceProfiles", may: .account) { try await list($0) },
            AWSOperation(.iam, "ListInstanceProfilesForRole", may: targets.on(.role) { try $0.roleName() }) {
                try await listOfRole($0)
            },
            AWSOperation(.iam, "DeleteInstanceProfile", may: profile, doing: { try await delete($0) }),
            AWSOperation(.iam, "AddRoleToInstanceProfile", may: passing, doing: { try await add($0) }),
            AWSOperation(
                .iam, "RemoveRoleFromInstanceProfile", may: targets.on(.instanceProfile) { try Self.member($0).profile },
                doing: { try await remove($0) }),
            AWSOperation(
                .iam, "TagInstanceProfile", may: targets.tagging(.instanceProfile) { try Self.tagged($0) },
                doing: { try await tag($0) }),
            AWSOperation(
                .iam, "UntagInstanceProfile", may: targets.untagging(.instanceProfile) { try Self.untagged($0) },
                doing: { try await untag($0) }),
            AWSOperation(.iam, "ListInstanceProfileTags", may: profile) { try await listTags($0) },
        ]
    }

    private var profile: OperationPermission { targets.on(.instanceProfile) { try $0.instanceProfileName() } }

    /// Machines get the role with the profile: the caller must be allowed to pass it on.
    private var passing: OperationPermission {
        .reading { call, action in
            let (profile, role) = try Self.member(call)
            return [
                try await targets.demand(action, .instanceProfile, profile, call, [:]),
                try await targets.demand("iam:PassRole", .role, role, call, ["iam:PassedToService": ["ec2.amazonaws.com"]]),
            ]
        }
    }

    private static func new(_ call: AWSCall) throws -> NewEntity {
        let (name, path, tags) = try call.validated({ try $0.instanceProfileName() }, { try $0.path() }, { try $0.tags() })
        return NewEntity(name, path: path, tags: tags)
    }

    private static func member(_ call: AWSCall) throws -> (profile: String, role: String) {
        try call.validated({ try $0.instanceProfileName() }, { try $0.roleName() })
    }

    private static func tagged(_ call: AWSCall) throws -> (String, [ResourceTag]) {
        try call.validated({ try $0.instanceProfileName() }, { try $0.requiredTags() })
    }

    private static func untagged(_ call: AWSCall) throws -> (String, [String]) {
        try call.validated({ try $0.instanceProfileName() }, { try $0.tagKeys() })
    }

    private func create(_ call: AWSCall) async throws -> JSONValue {
        let profile = try await profiles.create(Self.new(call), in: call.registry.account)
        return ["InstanceProfile": .instanceProfile(profile, .created, in: targets.partition)]
    }

    private func get(_ call: AWSCall) async throws -> JSONValue {
        let profile = try await profiles.get(call.instanceProfileName(), in: call.registry.account)
        return ["InstanceProfile": .instanceProfile(profile, .init(hasEmptyTags: true), in: targets.partition)]
    }

    private func list(_ call: AWSCall) async throws -> JSONValue {
        let path = try call.pathPrefix()
        let page = try IAMPageRequest(call, of: "ListInstanceProfiles \(path)")
        let profiles = try await profiles.list(in: call.registry.account, path: path, after: page.after, limit: page.limit)
        return answer(profiles, page, call)
    }

    private func listOfRole(_ call: AWSCall) async throws -> JSONValue {
        let name = try call.roleName()
        let page = try IAMPageRequest(call, of: "ListInstanceProfilesForRole \(name)")
        let profiles = try await profiles.list(
            ofRole: name, in: call.registry.account, after: page.after, limit: page.limit)
        return answer(profiles, page, call)
    }

    private func answer(_ profiles: IdentityPage<InstanceProfile>, _ page: IAMPageRequest, _ call: AWSCall) -> JSONValue {
        page.answer(profiles.items, next: profiles.next, as: "InstanceProfiles") {
            .instanceProfile($0, .brief, in: targets.partition)
        }
    }

    private func delete(_ call: AWSCall) async throws {
        try await profiles.delete(call.instanceProfileName(), in: call.registry.account)
    }

    private func add(_ call: AWSCall) async throws {
        let (profile, role) = try Self.member(call)
        try await profiles.add(role: role, to: profile, in: call.registry.account)
    }

    private func remove(_ call: AWSCall) async throws {
        let (profile, role) = try Self.member(call)
        try await profiles.remove(role: role, from: profile, in: call.registry.account)
    }

    private func tag(_ call: AWSCall) async throws {
        let (name, tags) = try Self.tagged(call)
        try await profiles.tag(name, in: call.registry.account, tags)
    }

    private func untag(_ call: AWSCall) async throws {
        let (name, keys) = try Self.untagged(call)
        try await profiles.untag(name, in: call.registry.account, keys)
    }

    private func listTags(_ call: AWSCall) async throws -> JSONValue {
        let name = try call.instanceProfileName()
        let page = try IAMPageRequest(call, of: "ListInstanceProfileTags \(name)")
        return page.answer(tags: try await profiles.get(name, in: call.registry.account).entity.tags)
    }
}
