import WeirCore
import WeirIdentity
import WeirRegistry

/// Roles, and who may assume them.
struct RoleOperations: Sendable {
    let roles: Roles
    let targets: IAMTargets

    var table: [AWSOperation] {
        [
            AWSOperation(.iam, "CreateRole", may: targets.creating(.role) { try Self.new($0).entity }) { try await create($0) },
            AWSOperation(.iam, "GetRole", may: targets.on(.role) { try $0.roleName() }) { try await get($0) },
            AWSOperation(.iam, "ListRoles", may: .account) { try await list($0) },
            AWSOperation(.iam, "UpdateRole", may: targets.on(.role) { try Self.changed($0).name }) { try await update($0) },
            AWSOperation(.iam, "UpdateRoleDescription", may: targets.on(.role) { try Self.described($0).name }) {
                try await describe($0)
            },
            AWSOperation(
                .iam, "UpdateAssumeRolePolicy", may: targets.on(.role) { try Self.trusted($0).name },
                doing: { try await setTrust($0) }),
            AWSOperation(.iam, "DeleteRole", may: targets.on(.role) { try $0.roleName() }, doing: { try await delete($0) }),
            AWSOperation(.iam, "TagRole", may: targets.tagging(.role) { try Self.tagged($0) }, doing: { try await tag($0) }),
            AWSOperation(
                .iam, "UntagRole", may: targets.untagging(.role) { try Self.untagged($0) }, doing: { try await untag($0) }),
            AWSOperation(.iam, "ListRoleTags", may: targets.on(.role) { try $0.roleName() }) { try await listTags($0) },
            AWSOperation(.iam, "CreateServiceLinkedRole", may: linkedPermission) { try await createLinked($0) },
            AWSOperation(.iam, "DeleteServiceLinkedRole", may: targets.on(.role) { try $0.roleName() }) {
                try await deleteLinked($0)
            },
            AWSOperation(.iam, "GetServiceLinkedRoleDeletionStatus", may: deletionPermission) { try await deletion($0) },
        ]
    }

    // MARK: What calls say

    private struct New {
        let entity: NewEntity
        let trust: String
        let maxSessionSeconds: Int64?
    }

    private static func new(_ call: AWSCall) throws -> New {
        let (name, path, trust, description, seconds, boundary, tags) = try call.validated(
            { try $0.roleName() }, { try $0.path() }, { try $0.policyDocument("AssumeRolePolicyDocument") },
            { try $0.roleDescription() }, { try $0.maxSessionDuration() }, { try $0.optionalARN("PermissionsBoundary") },
            { try $0.tags() })
        return New(
            entity: NewEntity(name, path: path, description: description, boundary: boundary, tags: tags), trust: trust,
            maxSessionSeconds: seconds)
    }

    private static func changed(_ call: AWSCall) throws -> (name: String, change: RoleChange) {
        let (name, description, seconds) = try call.validated(
            { try $0.roleName() }, { try $0.roleDescription() }, { try $0.maxSessionDuration() })
        return (name, RoleChange(description: description, maxSessionSeconds: seconds))
    }

    private static func described(_ call: AWSCall) throws -> (name: String, description: String) {
        try call.validated({ try $0.roleName() }, { try $0.input.required("Description", try $0.roleDescription()) })
    }

    private static func trusted(_ call: AWSCall) throws -> (name: String, trust: String) {
        try call.validated({ try $0.roleName() }, { try $0.policyDocument("PolicyDocument") })
    }

    private static func tagged(_ call: AWSCall) throws -> (String, [ResourceTag]) {
        try call.validated({ try $0.roleName() }, { try $0.requiredTags() })
    }

    private static func untagged(_ call: AWSCall) throws -> (String, [String]) {
        try call.validated({ try $0.roleName() }, { try $0.tagKeys() })
    }

    // MARK: Roles

    private func create(_ call: AWSCall) async throws -> JSONValue {
        let new = try Self.new(call)
        let role = try await roles.create(
            new.entity, trust: new.trust, maxSessionSeconds: new.maxSessionSeconds, in: call.registry.account)
        return ["Role": .role(role, .created, in: targets.partition)]
    }

    private func get(_ call: AWSCall) async throws -> JSONValue {
        ["Role": .role(try await roles.get(call.roleName(), in: call.registry.account), .whole, in: targets.partition)]
    }

    private func list(_ call: AWSCall) async throws -> JSONValue {
        let path = try call.pathPrefix()
        let page = try IAMPageRequest(call, of: "ListRoles \(path)")
        let roles = try await roles.list(in: call.registry.account, path: path, after: page.after, limit: page.limit)
        return page.answer(roles.items, next: roles.next, as: "Roles") { .role($0, .listed, in: targets.partition) }
    }

    private func update(_ call: AWSCall) async throws -> JSONValue {
        let (name, change) = try Self.changed(call)
        _ = try await roles.update(name, change, in: call.registry.account)
        return [:]
    }

    private func describe(_ call: AWSCall) async throws -> JSONValue {
        let (name, description) = try Self.described(call)
        let role = try await roles.update(name, RoleChange(description: description), in: call.registry.account)
        return ["Role": .role(role, .listed, in: targets.partition)]
    }

    private func setTrust(_ call: AWSCall) async throws {
        let (name, trust) = try Self.trusted(call)
        try await roles.setTrust(trust, of: name, in: call.registry.account)
    }

    private func delete(_ call: AWSCall) async throws {
        try await roles.delete(call.roleName(), in: call.registry.account)
    }

    // MARK: Tags

    private func tag(_ call: AWSCall) async throws {
        let (name, tags) = try Self.tagged(call)
        try await roles.tag(name, in: call.registry.account, tags)
    }

    private func untag(_ call: AWSCall) async throws {
        let (name, keys) = try Self.untagged(call)
        try await roles.untag(name, in: call.registry.account, keys)
    }

    private func listTags(_ call: AWSCall) async throws -> JSONValue {
        let name = try call.roleName()
        let page = try IAMPageRequest(call, of: "ListRoleTags \(name)")
        return page.answer(tags: try await roles.get(name, in: call.registry.account).entity.tags)
    }

    // MARK: Service-linked roles

    private static func linked(_ call: AWSCall) throws -> (service: String, description: String?, suffix: String?) {
        try call.validated(
            { try $0.input.string("AWSServiceName", length: 1...128, pattern: IAMPatterns.name) }, { try $0.roleDescription() },
            { try $0.input.optionalName("CustomSuffix", 1...64) })
    }

    /// Asked on the role's ARN. A service without such a role here has none: then on its whole path.
    private var linkedPermission: OperationPermission {
        .reading { call, action in
            let service = try Self.linked(call).service
            let arn = targets.arn(
                of: .role, path: "\(ServiceLinkedRole.path)\(service)/", name: ServiceLinkedRole.of(service)?.name ?? "*", call)
            return [AccessDemand(action, on: .own(arn, in: call.registry), facts: ["iam:AWSServiceName": [service]])]
        }
    }

    private static func deletionTask(_ call: AWSCall) throws -> String {
        try call.input.string("DeletionTaskId", length: 1...1_000)
    }

    /// The id names the role: `task/aws-service-role/SERVICE/ROLE/…`.
    private var deletionPermission: OperationPermission {
        .reading { call, action in
            let words = try Self.deletionTask(call).split(separator: "/", omittingEmptySubsequences: false)
            let name = words.count == 5 ? String(words[3]) : "*"
            let arn = targets.arn(of: .role, path: words.count == 5 ? "/\(words[1])/\(words[2])/" : "/", name: name, call)
            return [AccessDemand(action, on: .own(arn, in: call.registry))]
        }
    }

    private func createLinked(_ call: AWSCall) async throws -> JSONValue {
        let (service, description, suffix) = try Self.linked(call)
        let role = try await roles.createLinked(
            to: service, description: description, suffix: suffix, in: call.registry.account)
        return ["Role": .role(role, .created, in: targets.partition)]
    }

    private func deleteLinked(_ call: AWSCall) async throws -> JSONValue {
        ["DeletionTaskId": .string(try await roles.deleteLinked(call.roleName(), in: call.registry.account))]
    }

    private func deletion(_ call: AWSCall) async throws -> JSONValue {
        try roles.checkDeletion(Self.deletionTask(call))
        return ["Status": "SUCCEEDED"]
    }
}
