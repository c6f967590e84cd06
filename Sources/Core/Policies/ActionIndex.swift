/// The statements of a document by the service of an action, so that a request looks at those alone that may be about it.
final class ActionIndex: Sendable {
    /// A statement and those of its action patterns that can match an action of the service.
    final class Candidate: Sendable {
        /// In the document.
        let place: Int
        let statement: PolicyStatement
        let effect: PolicyStatement.Effect
        private let actions: PatternList
        private let isNotAction: Bool
        /// Every action of an operator must be spelt: a wildcard stands for none.
        private let spelt: PatternList?
        /// Nil where the statement has no resource, or one with variables.
        private let resources: PatternList?
        private let isNotResource: Bool

        init(_ statement: PolicyStatement, at place: Int, _ patterns: [PolicyPattern], _ resources: PatternList?) {
            self.place = place
            self.statement = statement
            effect = statement.effect
            actions = PatternList(patterns, ignoringCase: true)
            isNotAction = if case .allBut = statement.actions { true } else { false }
            // Operators' actions reach beyond repositories. In a resource's policy a wildcard is for ECR's actions, so an Allow
            // applies only if it spells the service. A Deny applies with any pattern.
            let mustSpell = statement.principals != nil && statement.effect == .allow
            let operators = Array((ECRActions.operatorService + ":").utf8)
            spelt =
                mustSpell
                ? PatternList(isNotAction ? [] : patterns.filter { $0.head.starts(with: operators) }, ignoringCase: true) : nil
            self.resources = resources
            isNotResource = if case .allBut? = statement.resources { true } else { false }
        }

        func names(_ request: AuthorizationRequest) -> Bool {
            if let spelt, request.service == ECRActions.operatorService { return spelt.contains(request.action) }
            return actions.contains(request.action) != isNotAction
        }

        /// False if the statement is about other resources, as far as that shows without variables.
        func mayCover(_ request: AuthorizationRequest) -> Bool {
            guard let resources else { return true }
            return resources.contains(request.resource) != isNotResource
        }

        /// True if `mayCover` has told all.
        var tellsResource: Bool { resources != nil || statement.resources == nil }
    }

    /// By the service in lower case.
    private let byService: [String: [Candidate]]
    /// For a service that no statement names.
    private let others: [Candidate]

    /// More entries than this are not worth their memory: every request then looks at all statements.
    private static let maxEntries = 16_384

    init(_ statements: [PolicyStatement]) {
        let parts = statements.map { PatternsByService($0.actions.items) }
        let resources = statements.map { statement -> PatternList? in
            guard let patterns = statement.resources?.items, !patterns.contains(where: \.hasVariables) else { return nil }
            return PatternList(patterns, ignoringCase: false)
        }
        var services = parts.reduce(into: Set<String>()) { $0.formUnion($1.named.keys) }
        if services.count.multipliedReportingOverflow(by: statements.count + 1).partialValue > Self.maxEntries { services = [] }
        func candidates(_ service: String?) -> [Candidate] {
            statements.indices.compactMap { place in
                let isNegated = if case .allBut = statements[place].actions { true } else { false }
                let patterns = service.map(parts[place].patterns) ?? (services.isEmpty ? parts[place].all : parts[place].wild)
                guard isNegated || !patterns.isEmpty else { return nil }
                return Candidate(statements[place], at: place, patterns, resources[place])
            }
        }
        byService = Dictionary(uniqueKeysWithValues: services.map { ($0, candidates($0)) })
        others = candidates(nil)
    }

    /// In the order of the document.
    func candidates(for service: String) -> [Candidate] { byService[service] ?? others }
}

/// The action patterns of a statement.
private struct PatternsByService {
    let all: [PolicyPattern]
    /// Those that begin with a service and a colon, without wildcards before it.
    private(set) var named: [String: [PolicyPattern]] = [:]
    /// Those for every service.
    private(set) var wild: [PolicyPattern] = []

    init(_ patterns: [PolicyPattern]) {
        all = patterns
        for pattern in patterns {
            let head = pattern.head
            if let colon = head.firstIndex(of: UInt8(ascii: ":")) {
                named[String(decoding: head[..<colon], as: UTF8.self), default: []].append(pattern)
            } else {
                wild.append(pattern)
            }
        }
    }

    func patterns(of service: String) -> [PolicyPattern] { wild + (named[service] ?? []) }
}
