import WeirCore
import WeirIdentity

/// Users, groups, roles and instance profiles as IAM answers them.
extension JSONValue {
    /// What of an entity an answer shows: IAM leaves parts out of the answers of some operations.
    struct EntityDetail {
        var hasTags = false
        /// Tags are there even where there are none.
        var hasEmptyTags = false
        var hasBoundary = false
        var hasDescription = false
        var hasSession = false
        var hasLastUse = false

        /// Of `Create…`.
        static let created = EntityDetail(hasTags: true, hasBoundary: true)
        /// Of `Get…`.
        static let whole = EntityDetail(
            hasTags: true, hasBoundary: true, hasDescription: true, hasSession: true, hasLastUse: true)
        /// Of `List…`.
        static let listed = EntityDetail(hasDescription: true, hasSession: true)
        /// Of a group, or as a part of another entity.
        static let brief = EntityDetail()
    }

    static func user(_ user: Entity, _ detail: EntityDetail, in partition: String) -> JSONValue {
        entity(user, "User", detail, in: partition)
    }

    static func group(_ group: Entity, in partition: String) -> JSONValue { entity(group, "Group", .brief, in: partition) }

    static func role(_ role: Role, _ detail: EntityDetail, in partition: String) -> JSONValue {
        let lastUse = JSONValue.members([
            "LastUsedDate": role.lastUse.map { .moment($0.at) }, "Region": role.lastUse.map { .string($0.region) },
        ])
        return entity(role.entity, "Role", detail, in: partition).adding([
            "AssumeRolePolicyDocument": .policyDocument(role.trust),
            "Description": detail.hasDescription ? role.entity.description.map { .string($0) } : nil,
            "MaxSessionDuration": detail.hasSession ? .integer(role.maxSessionSeconds) : nil,
            "RoleLastUsed": detail.hasLastUse ? lastUse : nil,
        ])
    }

    static func instanceProfile(_ profile: InstanceProfile, _ detail: EntityDetail, in partition: String) -> JSONValue {
        entity(profile.entity, "InstanceProfile", detail, in: partition).adding([
            "Roles": .array(profile.role.map { [role($0, .brief, in: partition)] } ?? [])
        ])
    }

    /// - Parameter noun: what its name and id are called after: `UserName`, `UserId`.
    private static func entity(_ entity: Entity, _ noun: String, _ detail: EntityDetail, in partition: String) -> JSONValue {
        let boundary = entity.boundary.map { arn in
            JSONValue.members(["PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": .string(arn)])
        }
        let hasTags = detail.hasEmptyTags || (detail.hasTags && !entity.tags.isEmpty)
        return .object([
            "Path": .string(entity.path), "\(noun)Name": .string(entity.name), "\(noun)Id": .string(entity.id),
            "Arn": .string(entity.arn(partition: partition)), "CreateDate": .moment(entity.createdAt),
        ]).adding([
            "Tags": hasTags ? .tags(entity.tags) : nil, "PermissionsBoundary": detail.hasBoundary ? boundary : nil,
        ])
    }
}

extension IAMPageRequest {
    /// A page of an entity's tags, in the order of their keys.
    func answer(tags: [ResourceTag]) -> JSONValue {
        let rest = tags.sorted { $0.key < $1.key }.filter { tag in after.map { tag.key > $0 } ?? true }
        let page = Array(rest.prefix(limit))
        return answer(page, next: rest.count > limit ? page.last?.key : nil, as: "Tags") {
            ["Key": .string($0.key), "Value": .string($0.value)]
        }
    }
}
