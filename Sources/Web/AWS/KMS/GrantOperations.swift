import WeirCore
import WeirRegistry
import WeirVault

/// Grants: permissions to use a key, beside its policy. A repository that is sealed under a key is listed as the grant that it
/// is.
struct GrantOperations: Sendable {
    let keys: Keys
    let grants: Grants
    let repositories: RepositoryGrants?

    private static let principals = Pattern("^[\\w+=,.@:/-]+$") { text in
        !text.isEmpty && text.utf8.allSatisfy { ASCII.isWord($0) || "+=,.@:/-".utf8.contains($0) }
    }
    private static let names = Pattern("^[a-zA-Z0-9:/_-]+$") { text in
        !text.isEmpty && text.utf8.allSatisfy { ASCII.isWord($0) || ":/-".utf8.contains($0) }
    }
    private static let idLengths = 1...128

    var table: [AWSOperation] {
        [
            AWSOperation(.kms, "CreateGrant", may: .reading { try Self.creating($0, $1) }, create),
            AWSOperation(.kms, "ListGrants", may: .key, list),
            AWSOperation(.kms, "ListRetirableGrants", may: .account, listRetirable),
            AWSOperation(.kms, "RetireGrant", may: .reading { try Self.retiring($0, $1) }, retire),
            AWSOperation(.kms, "RevokeGrant", may: .key, revoke),
        ]
    }

    // MARK: - Making

    /// What is to be granted is a condition key, so it is read before the right is asked for; what is malformed is told after.
    private static func creating(_ call: AWSCall, _ action: String) throws -> [AccessDemand] {
        var demand = try call.keyDemand()
        demand.grant = try? terms(call)
        return [
            AccessDemand(action, on: .key(demand), facts: ["kms:GrantIsForAWSResource": ["false"]])
        ]
    }

    private static func terms(_ call: AWSCall) throws -> KMSGrant.Terms {
        let input = call.input
        let listed = try input.required("Operations", try input.optionalChoices("Operations", KMSGrant.Operation.self))
        var seen: Set<KMSGrant.Operation> = []
        let constraints = try input.optionalObject("Constraints")
        let equals = try constraints?.optionalStringMap("EncryptionContextEquals")
        let subset = try constraints?.optionalStringMap("EncryptionContextSubset")
        let constraint: KMSGrant.Constraint?
        switch (equals, subset) {
        case (.some, .some):
            throw Refusal(.validation, "A grant has one constraint: EncryptionContextEquals or EncryptionContextSubset.")
        case (let pairs?, nil): constraint = .equals(pairs)
        case (nil, let pairs?): constraint = .subset(pairs)
        case (nil, nil): constraint = nil
        }
        return KMSGrant.Terms(
            name: try input.optionalString("Name", length: 1...256, pattern: names),
            grantee: try input.string("GranteePrincipal", length: 1...256, pattern: principals),
            retiree: try input.optionalString("RetiringPrincipal", length: 1...256, pattern: principals),
            operations: listed.filter { seen.insert($0).inserted }, constraint: constraint)
    }

    private func create(_ call: AWSCall) async throws -> JSONValue {
        try call.checkGrantTokens()
        try call.refuseDryRun()
        let grant = try await grants.create(try Self.terms(call), on: call.keyName(), in: call.registry)
        return ["GrantId": .string(grant.id), "GrantToken": .string(grant.token)]
    }

    // MARK: - Listing

    /// First the repositories', by name, then the others, by id: a marker says which of the two it is in.
    private func list(_ call: AWSCall) async throws -> JSONValue {
        let part = try MarkerRequest(call.input, of: "ListGrants", defaultLimit: 50)
        let id = try call.input.optionalString("GrantId", length: Self.idLengths)
        let grantee = try call.input.optionalString("GranteePrincipal", length: 1...256, pattern: Self.principals)
        let key = try await keys.resolve(call.keyName(), in: call.registry)
        var (items, after) = ([JSONValue](), part.after ?? Self.repositoryMark)
        if let repositories, after.hasPrefix(Self.repositoryMark) {
            let place = after.dropFirst(Self.repositoryMark.count)
            let page = try await repositories.grants(
                of: key.arn, in: call.registry, after: place.isEmpty ? nil : String(place), limit: part.limit)
            items = page.items.map(\.grant)
                .filter { (id == nil || $0.id == id) && (grantee == nil || $0.grantee == grantee) }
                .map { .grant($0, of: key) }
            if let next = page.next {
                return part.answer(VaultPage(items: items, next: Self.repositoryMark + next), as: "Grants") { $0 }
            }
            after = Self.grantMark
        }
        guard items.count < part.limit else {
            return part.answer(VaultPage(items: items, next: Self.grantMark), as: "Grants") { $0 }
        }
        let place = after.hasPrefix(Self.grantMark) ? String(after.dropFirst(Self.grantMark.count)) : ""
        let (_, page) = try await grants.list(
            of: key.arn, in: call.registry, id: id, grantee: grantee, after: place, limit: part.limit - items.count)
        items += page.items.map { .grant($0) }
        return part.answer(VaultPage(items: items, next: page.next.map { Self.grantMark + $0 }), as: "Grants") { $0 }
    }

    private static let repositoryMark = "repository/"
    private static let grantMark = "grant/"

    private func listRetirable(_ call: AWSCall) async throws -> JSONValue {
        let part = try MarkerRequest(call.input, of: "ListRetirableGrants", defaultLimit: 50)
        let principal = try call.input.string("RetiringPrincipal", length: 1...256, pattern: Self.principals)
        let page = try await grants.retirable(by: principal, in: call.registry, after: part.after, limit: part.limit)
        return part.answer(page, as: "Grants") { .grant($0) }
    }

    // MARK: - Ending

    private static func retiring(_ call: AWSCall, _ action: String) throws -> [AccessDemand] {
        let (key, id) = try retired(call)
        // The right is that of the grant's own principals too: which grant it is must be known before.
        var demand = KeyDemand(.named(key), in: call.registry)
        demand.retired = id
        return [AccessDemand(action, on: .key(demand))]
    }

    /// The key and the grant, by a token or by both ids.
    private static func retired(_ call: AWSCall) throws -> (key: String, id: String?) {
        if let token = try call.input.optionalString("GrantToken", length: 1...8_192) {
            let named = try Grants.read(token: token)
            return (named.keyID, named.id)
        }
        return (try call.keyName(), try call.input.optionalString("GrantId", length: idLengths))
    }

    private func retire(_ call: AWSCall) async throws -> JSONValue {
        try call.refuseDryRun()
        let (key, id) = try Self.retired(call)
        let named = try call.input.required("GrantId", id)
        guard try await grants.remove(named, of: key, in: call.registry) else { throw Refusal.grantMissing(named) }
        return [:]
    }

    private func revoke(_ call: AWSCall) async throws -> JSONValue {
        try call.refuseDryRun()
        let id = try call.input.string("GrantId", length: Self.idLengths)
        if try await grants.remove(id, of: call.keyName(), in: call.registry) { return [:] }
        let key = try await keys.resolve(call.keyName(), in: call.registry)
        guard let repositories, try await repositories.revoke(id, of: key.arn, in: call.registry) else {
            throw Refusal.grantMissing(id)
        }
        return [:]
    }
}

extension AWSCall {
    func refuseDryRun() throws {
        if try input.optionalBool("DryRun") ?? false {
            throw Refusal(.kmsUnsupported, "DryRun is not supported by this server.")
        }
    }
}

extension JSONValue {
    /// KMS's `GrantListEntry`.
    static func grant(_ grant: KMSGrant) -> JSONValue {
        .members([
            "KeyId": .string(grant.registry.arn("kms", "key/\(grant.keyID)")), "GrantId": .string(grant.id),
            "Name": grant.terms.name.map { .string($0) }, "CreationDate": .timestamp(grant.createdAt),
            "GranteePrincipal": .string(grant.terms.grantee),
            "RetiringPrincipal": grant.terms.retiree.map { .string($0) },
            "IssuingAccount": .string("arn:\(grant.registry.region.partition):iam::\(grant.registry.account):root"),
            "Operations": .strings(grant.terms.operations.map(\.rawValue)),
            "Constraints": grant.terms.constraint.map { constraint in
                let pairs = JSONValue.object(constraint.context.mapValues { .string($0) })
                return switch constraint {
                case .equals: ["EncryptionContextEquals": pairs]
                case .subset: ["EncryptionContextSubset": pairs]
                }
            },
        ])
    }

    static func grant(_ grant: RepositoryGrants.Grant, of key: KMSKey) -> JSONValue {
        [
            "KeyId": .string(key.arn), "GrantId": .string(grant.id), "CreationDate": .timestamp(grant.createdAt),
            "GranteePrincipal": .string(grant.grantee), "RetiringPrincipal": .string(grant.grantee),
            "IssuingAccount": .string("arn:\(key.registry.region.partition):iam::\(key.registry.account):root"),
            "Operations": .strings(RepositoryGrants.terms.operations.map(\.rawValue)),
            "Constraints": ["EncryptionContextSubset": ["aws:ecr:arn": .string(grant.repositoryARN)]],
        ]
    }
}
