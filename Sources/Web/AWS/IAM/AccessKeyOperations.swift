import WeirCore
import WeirIdentity
import WeirRegistry

/// The access keys of users and of the account's root.
struct AccessKeyOperations: Sendable {
    let keys: AccessKeys
    let targets: IAMTargets

    var table: [AWSOperation] {
        [
            AWSOperation(.iam, "CreateAccessKey", may: targets.onSubject()) { try await create($0) },
            AWSOperation(.iam, "ListAccessKeys", may: targets.onSubject()) { try await list($0) },
            AWSOperation(
                .iam, "UpdateAccessKey", may: targets.onSubject { _ = try Self.change($0) }, doing: { try await update($0) }),
            AWSOperation(
                .iam, "DeleteAccessKey", may: targets.onSubject { _ = try $0.accessKeyIDParameter() },
                doing: { try await delete($0) }),
            AWSOperation(.iam, "GetAccessKeyLastUsed", may: lastUsedPermission) { try await lastUsed($0) },
        ]
    }

    private enum Status: String, CaseIterable {
        case active = "Active"
        case inactive = "Inactive"
    }

    private static func change(_ call: AWSCall) throws -> (id: String, status: AccessKeys.Status) {
        let (id, status) = try call.validated(
            { try $0.accessKeyIDParameter() }, { try $0.input.choice("Status", Status.self) })
        return (id, status == .active ? .active : .inactive)
    }

    /// Whose keys the call is about, and the user's name; nil for the account's root.
    private func owner(_ call: AWSCall) async throws -> (owner: AccessKeys.Owner, name: String?) {
        guard let user = try await targets.entity(of: IAMTargets.subject(call), call) else {
            return (.root(call.registry.account, partition: targets.partition), nil)
        }
        return (.user(id: user.id, account: user.account), user.name)
    }

    private func create(_ call: AWSCall) async throws -> JSONValue {
        let (owner, name) = try await owner(call)
        let key = try await keys.create(for: owner)
        return [
            "AccessKey": .members([
                "UserName": name.map { .string($0) }, "AccessKeyId": .string(key.id), "Status": "Active",
                "SecretAccessKey": .string(key.secret), "CreateDate": .moment(key.createdAt),
            ])
        ]
    }

    private func list(_ call: AWSCall) async throws -> JSONValue {
        let (owner, name) = try await owner(call)
        // A user has two keys: they are one page, unless a smaller one is asked for.
        let page = try IAMPageRequest(call, of: "ListAccessKeys \(name ?? "")")
        let all = try await keys.list(of: owner)
        let start = page.after.flatMap { after in all.firstIndex { $0.id == after }?.advanced(by: 1) } ?? 0
        let items = Array(all.dropFirst(start).prefix(page.limit))
        let next = all.count > start.adding(items.count) ? items.last?.id : nil
        return page.answer(items, next: next, as: "AccessKeyMetadata") { key in
            .members([
                "UserName": name.map { .string($0) }, "AccessKeyId": .string(key.id), "Status": .string(key.status.rawValue),
                "CreateDate": .moment(key.createdAt),
            ])
        }
    }

    private func update(_ call: AWSCall) async throws {
        let (id, status) = try Self.change(call)
        try await keys.set(status, of: id, owner: owner(call).owner)
    }

    private func delete(_ call: AWSCall) async throws {
        try await keys.delete(call.accessKeyIDParameter(), of: owner(call).owner)
    }

    // MARK: Last use

    /// Asked on the ARN of the key's owner. A denial names the key alone: it is the same for a key that is not there.
    private var lastUsedPermission: OperationPermission {
        .reading { call, action in
            let id = try call.accessKeyIDParameter()
            let shown = "access key \(id)"
            switch keys.holder(of: id) {
            case .user(id: let user, account: call.registry.account)?:
                let entity = try await targets.entities.find(id: user)
                let arn = entity?.arn(partition: targets.partition) ?? "*"
                return [AccessDemand(action, on: .own(arn, in: call.registry), shown: shown)]
            default: return [AccessDemand(action, on: .own("*", in: call.registry), shown: shown)]
            }
        }
    }

    private func lastUsed(_ call: AWSCall) async throws -> JSONValue {
        let id = try call.accessKeyIDParameter()
        guard let owner = keys.holder(of: id), owner.account == call.registry.account else {
            throw Refusal(
                .accessDenied,
                "User: \(call.caller.principalARN) is not authorized to perform iam:GetAccessKeyLastUsed on resource: access key \(id)"
            )
        }
        var name: String?
        if case .user(id: let user, account: _) = owner { name = try await targets.entities.find(id: user)?.name }
        let use = try await keys.lastUse(of: id)
        return .members([
            "UserName": name.map { .string($0) },
            "AccessKeyLastUsed": .members([
                "ServiceName": .string(use?.service ?? "N/A"), "Region": .string(use?.region ?? "N/A"),
                "LastUsedDate": use.map { .moment($0.at) },
            ]),
        ])
    }
}
