/// The statements of a document by the service of an action, so that a request looks at those alone that may be about it.
struct ActionIndex: Sendable {
    /// A statement and those of its action patterns that can match an action of the service.
    struct Candidate: Sendable {
        /// In the document.
        let statement: Int
        let effect: PolicyStatement.Effect
        private let patterns: [PolicyPattern]
        private let isNegated: Bool
        private let isOfResource: Bool

        init(_ statement: PolicyStatement, at place: Int, _ patterns: [PolicyPattern]) {
            self.statement = place
            effect = statement.effect
            self.patterns = patterns
            isNegated = if case .allBut = statement.actions { true } else { false }
            isOfResource = statement.principals != nil
        }

        private static let operators = Array((ECRActions.operatorService + ":").utf8)

        func names(_ request: AuthorizationRequest) -> Bool {
            // Operators' actions reach beyond repositories. In a resource's policy a wildcard is for ECR's actions, so an Allow
            // applies only if it spells the service. A Deny applies with any pattern.
            if isOfResource, effect == .allow, request.service == ECRActions.operatorService {
                return !isNegated && patterns.contains { $0.matches(request.action) && $0.head.starts(with: Self.operators) }
            }
            // By index, which copies no pattern.
            for place in patterns.indices where patterns[place].matches(request.action) { return !isNegated }
            return isNegated
        }
    }

    /// By the service in lower case.
    private let byService: [String: [Candidate]]
    /// For a service that no statement names.
    private let others: [Candidate]

    /// More entries than this are not worth their memory: every request then looks at all statements.
    private static let maxEntries = 16_384

    init(_ statements: [PolicyStatement]) {
        let parts = statements.map { PatternsByService($0.actions.items) }
        var services = parts.reduce(into: Set<String>()) { $0.formUnion($1.named.keys) }
        if services.count.multipliedReportingOverflow(by: statements.count + 1).partialValue > Self.maxEntries { services = [] }
        func candidates(_ service: String?) -> [Candidate] {
            statements.indices.compactMap { place in
                let isNegated = if case .allBut = statements[place].actions { true } else { false }
                let patterns = service.map(parts[place].patterns) ?? (services.isEmpty ? parts[place].all : parts[place].wild)
                guard isNegated || !patterns.isEmpty else { return nil }
                return Candidate(statements[place], at: place, patterns)
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
