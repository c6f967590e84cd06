import WeirCore
import WeirIdentity

/// The versions of managed policies.
struct PolicyVersionOperations: Sendable {
    let policies: ManagedPolicies
    let may: PolicyPermission

    var table: [AWSOperation] {
        let ofOne = may.onPolicy(reading: { _ = try Self.version($0) })
        return [
            AWSOperation(
                .iam, "CreatePolicyVersion", may: may.onPolicy(reading: { _ = try Self.new($0) }), { try await create($0) }),
            AWSOperation(.iam, "GetPolicyVersion", may: ofOne, { try await version($0) }),
            AWSOperation(.iam, "ListPolicyVersions", may: may.onPolicy(), { try await list($0) }),
            AWSOperation(.iam, "SetDefaultPolicyVersion", may: ofOne, doing: { try await setDefault($0) }),
            AWSOperation(.iam, "DeletePolicyVersion", may: ofOne, doing: { try await delete($0) }),
        ]
    }

    private static func version(_ call: AWSCall) throws -> (arn: String, id: String) {
        try call.validated({ try $0.arn("PolicyArn") }, { try $0.policyVersion() })
    }

    private static func new(_ call: AWSCall) throws -> (arn: String, document: String, isDefault: Bool?) {
        try call.validated(
            { try $0.arn("PolicyArn") }, { try $0.policyDocument("PolicyDocument") },
            { try $0.input.optionalBool("SetAsDefault") })
    }

    private func create(_ call: AWSCall) async throws -> JSONValue {
        let (arn, document, isDefault) = try Self.new(call)
        let version = try await policies.createVersion(
            of: arn, document: document, isDefault: isDefault ?? false, in: call.caller.account)
        call.warn(about: document, of: "the policy \(arn)", as: .identity)
        return ["PolicyVersion": version.json]
    }

    private func version(_ call: AWSCall) async throws -> JSONValue {
        let (arn, id) = try Self.version(call)
        let version = try await policies.version(id, of: arn, in: call.caller.account)
        return ["PolicyVersion": version.json.adding(["Document": .policyDocument(version.document)])]
    }

    private func list(_ call: AWSCall) async throws -> JSONValue {
        let arn = try call.arn("PolicyArn")
        let page = try IAMPageRequest(call, of: "ListPolicyVersions \(arn)")
        let versions = try await policies.versions(of: arn, in: call.caller.account)
        let place = page.after.flatMap { after in versions.firstIndex { $0.id == after } }
        let rest = versions[(place.map { $0.adding(1) } ?? 0)...]
        let items = Array(rest.prefix(page.limit))
        return page.answer(items, next: rest.count > page.limit ? items.last?.id : nil, as: "Versions") { $0.json }
    }

    private func setDefault(_ call: AWSCall) async throws {
        let (arn, id) = try Self.version(call)
        try await policies.setDefault(id, of: arn, in: call.caller.account)
    }

    private func delete(_ call: AWSCall) async throws {
        let (arn, id) = try Self.version(call)
        try await policies.deleteVersion(id, of: arn, in: call.caller.account)
    }
}

extension ManagedPolicyVersion {
    /// Without its document.
    var json: JSONValue {
        ["VersionId": .string(id), "IsDefaultVersion": .bool(isDefault), "CreateDate": .moment(createdAt)]
    }
}
