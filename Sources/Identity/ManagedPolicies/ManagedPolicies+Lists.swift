package import WeirCore

extension ManagedPolicies {
    /// Which policies a list has.
    package struct Filter: Sendable {
        package enum Scope: String, Sendable, CaseIterable {
            case all = "All"
            case aws = "AWS"
            case local = "Local"
        }

        package var scope = Scope.all
        /// Only those that are used in the account.
        package var isUsed = false
        package var use: PolicyUse?
        /// What their paths begin with.
        package var path = "/"

        package init(scope: Scope = .all, isUsed: Bool = false, use: PolicyUse? = nil, path: String = "/") {
            self.scope = scope
            self.isUsed = isUsed
            self.use = use
            self.path = path
        }

        func takes(_ usage: PolicyUsage) -> Bool {
            switch use {
            case nil: !isUsed || usage != PolicyUsage()
            case .permissions: isUsed ? usage.attachments > 0 : usage.attachments > 0 || usage.boundaries == 0
            case .boundary: usage.boundaries > 0
            }
        }
    }

    /// A page of the account's own policies by name, and then of AWS's.
    ///
    /// - Parameter after: the `next` of the page before.
    package func list(
        _ filter: Filter, in account: AccountID, after: String?, limit: Int
    ) async throws -> (policies: [ManagedPolicy], next: String?) {
        try await store.read { sql in
            let usages = try PolicyQueries.usages(in: account, sql)
            // One more than the page: then there is another.
            let wanted = limit.adding(1)
            var found: [(place: String, policy: ManagedPolicy)] = []
            if filter.scope != .aws, after.map({ $0.hasPrefix(Self.local) }) ?? true {
                let place = after.map { String($0.dropFirst(Self.local.count)) }
                found = try Self.own(filter, usages, in: account, after: place, limit: wanted, sql)
            }
            if filter.scope != .local, found.count < wanted {
                let place = after.flatMap { $0.hasPrefix(Self.aws) ? String($0.dropFirst(Self.aws.count)) : nil } ?? ""
                found += Self.ofAWS(filter, usages, after: place)
            }
            let page = found.prefix(limit)
            return (page.map(\.policy), found.count > limit ? page.last?.place : nil)
        }
    }

    private static let (local, aws) = ("local/", "aws/")

    private static func own(
        _ filter: Filter, _ usages: [String: PolicyUsage], in account: AccountID, after: String?, limit: Int,
        _ sql: any SQLConnection
    ) throws -> [(place: String, policy: ManagedPolicy)] {
        var found: [(place: String, policy: ManagedPolicy)] = []
        var last = after
        while found.count < limit {
            let entities = try EntityTable.list(.policy, in: account, path: filter.path, after: last, limit: limit, sql)
            for entity in entities where found.count < limit {
                let usage = usages[ManagedPolicyARN(entity).text()] ?? PolicyUsage()
                guard filter.takes(usage) else { continue }
                found.append((local + Entity.folded(entity.name), try policy(.own(entity), usage, sql)))
            }
            guard entities.count == limit, let end = entities.last else { break }
            last = Entity.folded(end.name)
        }
        return found
    }

    private static func ofAWS(
        _ filter: Filter, _ usages: [String: PolicyUsage], after: String
    ) -> [(place: String, policy: ManagedPolicy)] {
        AWSManagedPolicies.all.sorted { $0.name < $1.name }.compactMap { policy in
            let usage = usages[policy.arn()] ?? PolicyUsage()
            guard policy.name > after, policy.path.utf8.starts(with: filter.path.utf8), filter.takes(usage) else { return nil }
            return (aws + policy.name, ManagedPolicy(policy, usage))
        }
    }

    /// A page of the users, groups and roles that use a policy, by kind and name. Throws `.noSuchEntity`.
    ///
    /// - Parameter kind: nil for all kinds.
    package func entities(
        using arn: String, as use: PolicyUse?, kind: EntityKind?, path: String, in account: AccountID, after: String?, limit: Int
    ) async throws -> (entities: [Entity], next: String?) {
        try await store.read { sql in
            let found = try Self.find(arn, in: account, sql, else: Self.notFound)
            let place = (after ?? "").split(separator: "/", maxSplits: 1).map(String.init)
            var start = place.count == 2 ? (kind: place[0], name: place[1]) : (kind: "", name: "")
            if let kind, start.kind < kind.rawValue { start = (kind.rawValue, "") }
            var entities = try PolicyQueries.owners(
                of: found.arn.text(), in: account, use, path: path, after: start, limit: limit.adding(1), sql)
            if let kind { entities = entities.filter { $0.kind == kind } }
            let page = Array(entities.prefix(limit))
            let next = entities.count > limit ? page.last.map { "\($0.kind.rawValue)/\(Entity.folded($0.name))" } : nil
            return (page, next)
        }
    }
}
