import WeirCore
import WeirIdentity
import WeirRegistry

/// Users and roles for an operator: end their sessions, and print a whole account.
struct IdentityOperations: Sendable {
    let store: IdentityStore
    private var records: EntityRecords { EntityRecords(store: store) }

    var table: [AWSOperation] {
        [
            AWSOperation(.weir, "RevokeSessions", may: .reading { try await revocation($0, $1) }, revoke),
            AWSOperation(.weir, "ExportIdentity", may: .account, export),
        ]
    }

    // MARK: Sessions

    private func revocation(_ call: AWSCall, _ action: String) async throws -> [AccessDemand] {
        let principal = try call.principal()
        let partition = call.registry.region.partition
        let arn = try await principal.entity(records)?.arn(partition: partition) ?? principal.arn(partition: partition)
        return [AccessDemand(action, on: .own(arn, in: call.registry))]
    }

    private func revoke(_ call: AWSCall) async throws -> JSONValue {
        let principal = try call.principal()
        guard principal.account == call.registry.account else {
            throw Refusal.invalidParameter("principal", "It is of another account: only that account's own callers may do this")
        }
        guard case .entity(let kind, path: _, name: _) = principal.kind else {
            throw Refusal.invalidParameter("principal", "Sessions are revoked of a user or a role")
        }
        guard let entity = try await principal.entity(records) else {
            throw Refusal.invalidParameter("principal", "The account has no such \(kind.rawValue)")
        }
        let moment = try await Revocations(store: store).revokeSessions(of: kind, named: entity.name, in: entity.account)
        return [
            "principal": .string(entity.arn(partition: call.registry.region.partition)), "revokedAt": .timestamp(moment),
        ]
    }

    // MARK: Export

    /// Records of one kind in a page: a policy with five versions has some 40 KiB.
    private static let pageSize = 200

    /// The kinds follow each other in the order of `EntityKind`; the cursor is a kind and the name after which to go on.
    private func export(_ call: AWSCall) async throws -> JSONValue {
        let request = try PageRequest(
            call.input, of: "ExportIdentity", sizes: 1...Int64(Self.pageSize), standard: Int64(Self.pageSize))
        let kinds = EntityKind.allCases
        var place = (kind: kinds[0], after: String?.none)
        if let cursor = request.after {
            let parts = cursor.split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2, let kind = EntityKind(rawValue: parts[0]) else {
                throw Refusal.invalidParameter("nextToken", "Invalid next token")
            }
            place = (kind, parts[1].isEmpty ? nil : parts[1])
        }
        let found = try await records.list(
            place.kind, in: call.registry.account, after: place.after, limit: request.limit + 1)
        let items = Array(found.prefix(request.limit))
        var next: String?
        if found.count > items.count, let last = items.last {
            next = "\(place.kind.rawValue)\n\(last.entity.name)"
        } else if let index = kinds.firstIndex(of: place.kind), index + 1 < kinds.count {
            next = "\(kinds[index + 1].rawValue)\n"
        }
        let page = Page(items: items, next: next)
        return request.answer(page, as: "entities", ["kind": .string(place.kind.rawValue)]) { record in
            .record(record, partition: call.registry.region.partition)
        }
    }
}

extension AWSCall {
    /// The principal that the member `principal` names.
    fileprivate func principal() throws -> PrincipalName {
        try PrincipalName(try input.string("principal", length: 1...2_048), at: "principal", in: registry.account)
    }
}

extension JSONValue {
    /// An entity in the words of IAM's `GetAccountAuthorizationDetails`; no member is a secret.
    fileprivate static func record(_ record: EntityRecord, partition: String) -> JSONValue {
        let entity = record.entity
        let hasPolicies = [EntityKind.user, .group, .role].contains(entity.kind)
        return .members([
            "Arn": .string(entity.arn(partition: partition)), "Id": .string(entity.id), "Name": .string(entity.name),
            "Path": .string(entity.path), "Description": entity.description.map { .string($0) },
            "CreateDate": .string(entity.createdAt.iso8601),
            "PermissionsBoundary": entity.boundary.map { .string($0) },
            "SessionsRevokedAt": entity.sessionsRevokedAt.map { .string($0.iso8601) },
            "Tags": entity.tags.isEmpty
                ? nil : .array(entity.tags.map { ["Key": .string($0.key), "Value": .string($0.value)] }),
            "Policies": hasPolicies
                ? .array(record.inline.map { ["PolicyName": .string($0.name), "PolicyDocument": .document($0.document)] }) : nil,
            "AttachedManagedPolicies": hasPolicies ? .array(record.attached.map { .string($0) }) : nil,
            "GroupList": entity.kind == .user ? .array(record.groups.map { .string($0) }) : nil,
            "AssumeRolePolicyDocument": record.trust.map { .document($0.document) },
            "MaxSessionDuration": record.trust.map { .integer($0.maxSessionSeconds) },
            "PolicyVersionList": entity.kind == .policy ? .array(record.versions.map { .version($0) }) : nil,
            "Role": record.role.map { .string($0) },
            "Url": record.provider.map { .string($0.url) },
            "ClientIDList": record.provider.map { .document($0.clientIDs) },
            "ThumbprintList": record.provider.map { .document($0.thumbprints) },
            "KeySet": record.provider?.keySet.map { .document($0) },
        ])
    }

    private static func version(_ version: EntityRecord.Version) -> JSONValue {
        [
            "VersionId": .string("v\(version.number)"), "IsDefaultVersion": .bool(version.isDefault),
            "CreateDate": .string(version.createdAt.iso8601), "Document": .document(version.document),
        ]
    }

    /// A stored document as the JSON that it is; as text where it cannot be read.
    private static func document(_ text: String) -> JSONValue {
        (try? JSONValue(parsing: text.utf8)) ?? .string(text)
    }
}
