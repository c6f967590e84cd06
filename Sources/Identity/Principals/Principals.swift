import Synchronization
package import WeirCore

/// A user or role as its requests need it: in memory, by its unique id, and read again after every write to this room's tables.
package struct Principal: Sendable {
    package let entity: Entity
    /// Its policies and its groups', compiled.
    let policies: [NamedPolicy]
    /// Nil where it has none.
    let boundary: [NamedPolicy]?
    /// Why nothing is allowed to it: a stored policy that cannot be read may have denied something.
    let unreadable: String?
    /// Its account was disabled: nobody signs in there.
    package let isAccountDisabled: Bool
}

/// The users and roles, as their requests find them.
package final class Principals: PrincipalPolicies {
    private struct Known {
        let generation: UInt64
        let principal: Principal?
    }

    let store: IdentityStore
    /// Accounts that live on this server: principals of others cannot sign in.
    private let isHosted: @Sendable (AccountID) -> Bool
    private let known = Mutex(BoundedMap<String, Known>(capacity: 16_384))
    private let managed = Mutex(BoundedMap<String, (generation: UInt64, policy: NamedPolicy?)>(capacity: 2_048))
    private let documents = Mutex(BoundedMap<String, PolicyDocument>(capacity: 4_096))

    package init(store: IdentityStore, isHosted: @escaping @Sendable (AccountID) -> Bool) {
        self.store = store
        self.isHosted = isHosted
    }

    /// The user or role of a unique id; nil where there is none any more.
    package func principal(id: String) async throws -> Principal? {
        let generation = store.generation
        if let known = known.withLock({ $0[id] }), known.generation == generation { return known.principal }
        let facts = try await store.read { sql in try PrincipalQueries.facts(id: id, sql) }
        let principal = facts.map(compiled)
        known.withLock { $0[id] = Known(generation: generation, principal: principal) }
        return principal
    }

    private func compiled(_ facts: PrincipalQueries.Facts) -> Principal {
        var unreadable: String?
        func compile(_ stored: [PrincipalQueries.StoredPolicy]) -> [NamedPolicy] {
            stored.compactMap { policy in
                guard let document = document(policy.text) else {
                    unreadable = "\(policy.source)"
                    return nil
                }
                return NamedPolicy(policy.source, document)
            }
        }
        let (policies, boundary) = (compile(facts.policies), facts.boundary.map(compile))
        return Principal(
            entity: facts.entity, policies: policies, boundary: boundary, unreadable: unreadable,
            isAccountDisabled: facts.isAccountDisabled || !isHosted(facts.entity.account))
    }

    /// One document for all principals that share its text.
    private func document(_ text: String) -> PolicyDocument? {
        if let known = documents.withLock({ $0[text] }) { return known }
        guard let document = try? PolicyDocument(text, as: .identity, maxLength: 131_072) else { return nil }
        documents.withLock { $0[text] = document }
        return document
    }

    // MARK: PrincipalPolicies

    package func policies(of caller: Caller) async throws -> CallerPolicies {
        var policies = CallerPolicies()
        if let identity = caller.identity {
            guard let principal = try await principal(id: identity.id) else { throw Self.gone }
            if let unreadable = principal.unreadable {
                throw Refusal(
                    .accessDenied,
                    "User: \(caller.principalARN) is not authorized to do anything: its policy \(unreadable) cannot be read",
                    facts: ["policy": unreadable])
            }
            policies = CallerPolicies(
                identity: principal.policies, boundary: principal.boundary, tags: principal.entity.tags)
        }
        if let session = caller.session { try await limit(&policies, of: caller, by: session) }
        return policies
    }

    private func limit(_ policies: inout CallerPolicies, of caller: Caller, by session: CallerSession) async throws {
        if case .federatedUser(of: nil, name: _) = caller.kind { policies.identity = Self.everything }
        if session.isLimited {
            policies.session = try await limits(session)
        } else if case .federatedUser = caller.kind {
            policies.session = []
        }
        let given = Set(session.tags.map { $0.key.lowercased() })
        policies.tags = policies.tags.filter { !given.contains($0.key.lowercased()) } + session.tags
    }

    /// The session's own policies. None where one of them is gone or cannot be read, since a Deny might be lost with it: then the
    /// session may do nothing.
    private func limits(_ session: CallerSession) async throws -> [NamedPolicy] {
        var limits: [NamedPolicy] = []
        for text in session.policies {
            guard let document = document(text) else { return [] }
            limits.append(NamedPolicy(.session, document))
        }
        for arn in session.managedPolicies {
            guard let policy = try await managedPolicy(arn) else { return [] }
            limits.append(policy)
        }
        return limits
    }

    /// What a root may, for the federated users that it makes.
    private static let everything: [NamedPolicy] = {
        let text = #"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#
        return (try? PolicyDocument(text, as: .identity)).map {
            [NamedPolicy(.inline(kind: "root", owner: "root", name: "root"), $0)]
        }
            ?? []
    }()

    /// The default version of a managed policy, compiled; nil where there is none of that ARN, or it cannot be read.
    func managedPolicy(_ arn: String) async throws -> NamedPolicy? {
        let generation = store.generation
        if let known = managed.withLock({ $0[arn] }), known.generation == generation { return known.policy }
        let stored = try await store.read { sql in try PrincipalQueries.managed(arn, sql) }
        let policy = stored.flatMap { document($0.text) }.map { NamedPolicy(.managed(arn), $0) }
        managed.withLock { $0[arn] = (generation, policy) }
        return policy
    }

    static let gone = Refusal(.credentialsUnknown, "The security token included in the request is invalid.")

    package func principal(_ arn: String) async throws -> PrincipalLookup {
        guard let name = PrincipalARN(arn), isHosted(name.account) else { return .elsewhere }
        let entity = try await store.read { sql in try EntityTable.find(name.kind, named: name.name, in: name.account, sql) }
        guard let entity, entity.name == name.name, name.path == nil || entity.path == name.path else { return .missing }
        return .found(id: entity.id)
    }

    package func arn(ofPrincipal id: String) async throws -> String? {
        try await principal(id: id)?.entity.arn()
    }
}

/// The ARN of a user or role in a policy, or of a role's session: `…:assumed-role/NAME/SESSION` names its role without a path.
package struct PrincipalARN: Sendable, Equatable {
    package let account: AccountID
    package let kind: EntityKind
    /// Nil for a role's session.
    package let path: String?
    package let name: String

    /// Nil if the text is none.
    package init?(_ text: String) {
        let parts = text.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        guard parts.count == 6, parts[0] == "arn", parts[3].isEmpty, let account = try? AccountID(String(parts[4])) else {
            return nil
        }
        self.account = account
        let words = parts[5].split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard words.count >= 2, !words.contains("") else { return nil }
        switch (parts[2], words[0]) {
        case ("iam", "user"), ("iam", "role"):
            kind = words[0] == "user" ? .user : .role
            path = words.count == 2 ? "/" : "/" + words[1..<(words.count - 1)].joined(separator: "/") + "/"
            name = words[words.count - 1]
        case ("sts", "assumed-role") where words.count == 3:
            (kind, path, name) = (.role, nil, words[1])
        default: return nil
        }
    }
}
