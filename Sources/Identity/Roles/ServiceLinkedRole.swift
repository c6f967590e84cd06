package import WeirCore

/// A role that belongs to a part of ECR. This server does the work of these services without their roles; it has them for the
/// tools that make or look for them.
package struct ServiceLinkedRole: Sendable {
    /// What the paths of all of them begin with.
    package static let path = "/aws-service-role/"

    /// Such as `replication.ecr.amazonaws.com`.
    package let service: String
    package let name: String
    /// The name of the managed policy, which AWS keeps.
    private let policy: String

    package var path: String { "\(Self.path)\(service)/" }
    var policyARN: String { "arn:aws:iam::aws:policy/aws-service-role/\(policy)" }

    var trust: String {
        #"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"\#(service)"},"Action":"sts:AssumeRole"}]}"#
    }

    package static let all = [
        ServiceLinkedRole(
            service: "pullthroughcache.ecr.amazonaws.com", name: "AWSServiceRoleForECRPullThroughCache",
            policy: "AWSECRPullThroughCache_ServiceRolePolicy"),
        ServiceLinkedRole(
            service: "replication.ecr.amazonaws.com", name: "AWSServiceRoleForECRReplication",
            policy: "ECRReplicationServiceRolePolicy"),
        ServiceLinkedRole(
            service: "ecr.amazonaws.com", name: "AWSServiceRoleForECRTemplate", policy: "ECRTemplateServiceRolePolicy"),
    ]

    /// Nil for a service that has none here.
    package static func of(_ service: String) -> ServiceLinkedRole? { all.first { $0.service == service } }
}

/// Service-linked roles: what their services make and delete.
extension Roles {
    /// - Parameter suffix: none of the services takes one.
    package func createLinked(
        to service: String, description: String?, suffix: String?, in account: AccountID
    ) async throws -> Role {
        guard let linked = ServiceLinkedRole.of(service) else {
            let names = ServiceLinkedRole.all.map(\.service).joined(separator: ", ")
            throw Refusal(
                .iamInvalidInput, "\(service) has no service-linked role on this server. The services that have one are \(names)."
            )
        }
        guard suffix == nil else { throw Refusal(.iamInvalidInput, "Custom suffix is not allowed for \(service)") }
        do {
            return try await create(
                NewEntity(linked.name, path: linked.path, description: description), trust: linked.trust,
                maxSessionSeconds: Self.standardSession, service: linked, in: account)
        } catch let refusal as Refusal where refusal.reason == .entityAlreadyExists {
            throw Refusal(
                .iamInvalidInput,
                "Service role name \(linked.name) has been taken in this account, please try a different suffix.")
        }
    }

    /// Deletes it at once.
    ///
    /// - Returns: the id of the deletion, for those who ask how it went.
    package func deleteLinked(_ name: String, in account: AccountID) async throws -> String {
        try await store.write { sql in
            let entity = try Entities.existing(.role, name, in: account, sql)
            guard let row = try RoleTable.find(id: entity.id, sql), let service = row.service else {
                throw Refusal(.iamInvalidInput, "The role \(name) is not a service-linked role: DeleteRole deletes it.")
            }
            if let linked = ServiceLinkedRole.of(service) {
                _ = try AttachmentTable.delete(linked.policyARN, from: entity.id, sql)
            }
            try Entities.delete(entity, sql)
            try RoleTable.delete(id: entity.id, sql)
            return "task\(entity.path)\(entity.name)/\(RandomID.uuid())"
        }
    }

    /// Throws `.noSuchEntity` for a text that names no deletion.
    package func checkDeletion(_ task: String) throws(Refusal) {
        let isKnown = ServiceLinkedRole.all.contains { linked in
            let start = "task\(linked.path)\(linked.name)/"
            return task.hasPrefix(start) && task.utf8.count == start.utf8.count + 36
        }
        guard isKnown else { throw Refusal(.noSuchEntity, "Deletion task \(task) cannot be found.") }
    }
}
