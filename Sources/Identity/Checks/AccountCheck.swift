package import WeirCore

/// Looks through all policies of an account for what cannot work, and for what opens more than it seems to.
package struct AccountCheck: Sendable {
    /// More findings than a person reads.
    package static let mostFindings = 1_000
    /// Administrators that are tried as targets of others.
    private static let mostAdministrators = 50
    private static let pageSize = 200

    package struct Report: Sendable {
        package private(set) var findings: [AccountFinding] = []
        /// How many policies were looked at.
        package private(set) var policies: Int64 = 0
        /// False where there are more findings than are told.
        package private(set) var isComplete = true

        mutating func count() { policies += 1 }

        mutating func add(_ finding: AccountFinding) {
            guard findings.count < AccountCheck.mostFindings else {
                isComplete = false
                return
            }
            // Principals that share a policy share what is found in it.
            if findings.last != finding { findings.append(finding) }
        }
    }

    private let records: EntityRecords
    private let principals: Principals
    private let account: AccountID
    private let region: Region
    private let isHome: Bool
    private let now: Timestamp

    package init(
        of account: AccountID, in region: Region, isHome: Bool, records: EntityRecords, principals: Principals, at now: Timestamp
    ) {
        self.account = account
        self.region = region
        self.isHome = isHome
        self.records = records
        self.principals = principals
        self.now = now
    }

    /// Checks the policies of the account's users, groups, roles and managed policies, and what they come to together. Those of
    /// repositories are given to `checkResource` by who has them.
    package func run() async throws -> Report {
        var report = Report()
        var boundaries: Set<String> = []
        var administrators: [EscalationCheck.Administrator] = []
        let probe = check(boundaries: [], administrators: [])
        for kind in EntityKind.allCases {
            try await each(kind) { record in
                try await check(record, into: &report)
                if let boundary = record.entity.boundary, PolicyARN(boundary)?.account == account { boundaries.insert(boundary) }
                guard administrators.count < Self.mostAdministrators, let subject = try await subject(record),
                    probe.isAdministrator(subject)
                else { return }
                administrators.append(
                    EscalationCheck.Administrator(entity: record.entity, trust: record.trust?.policy))
            }
        }
        let escalation = check(boundaries: boundaries.sorted(), administrators: administrators)
        for administrator in administrators {
            if let finding = escalation.openFinding(about: administrator) { report.add(finding) }
        }
        for kind in [EntityKind.user, .role] {
            try await each(kind) { record in
                guard let subject = try await subject(record) else { return }
                for finding in escalation.findings(about: subject) { report.add(finding) }
            }
        }
        return report
    }

    /// Checks a policy of a repository, registry or template.
    ///
    /// - Parameter place: as a message names it.
    package func checkResource(_ text: String, at place: String, into report: inout Report) async throws {
        try await check(text, as: .resource, at: place, into: &report)
    }

    private func check(boundaries: [String], administrators: [EscalationCheck.Administrator]) -> EscalationCheck {
        EscalationCheck(
            account: account, region: region, now: now, isHome: isHome, boundaries: boundaries, administrators: administrators)
    }

    private func each(_ kind: EntityKind, _ body: (EntityRecord) async throws -> Void) async throws {
        var last: String?
        while true {
            let page = try await records.list(kind, in: account, after: last, limit: Self.pageSize)
            for record in page { try await body(record) }
            last = page.last?.entity.name
            if page.count < Self.pageSize { return }
        }
    }

    /// A user or role as it signs; nil for anything else, and where a policy of it cannot be read, which is found elsewhere.
    private func subject(_ record: EntityRecord) async throws -> EscalationCheck.Subject? {
        let identity = record.entity.identity(partition: region.partition)
        let caller: Caller
        switch record.entity.kind {
        case .user: caller = .user(identity, of: account)
        case .role:
            caller = .session(
                of: identity, named: "weir-check", in: account,
                session: CallerSession(accessKeyID: "ASIA-weir-check", issuedAt: now, expiresAt: now + .seconds(3_600)))
        case .group, .policy, .instanceProfile, .oidcProvider: return nil
        }
        guard let policies = try? await principals.policies(of: caller) else { return nil }
        return EscalationCheck.Subject(record: record, caller: caller, policies: policies)
    }

    // MARK: Documents

    private func check(_ record: EntityRecord, into report: inout Report) async throws {
        let entity = record.entity
        let place = "\(entity.kind.rawValue)/\(entity.name)"
        for policy in record.inline {
            try await check(policy.document, as: .identity, at: "\(place), policy \(policy.name)", into: &report)
        }
        for version in record.versions where version.isDefault {
            try await check(version.document, as: .identity, at: "\(place) v\(version.number)", into: &report)
        }
        if let trust = record.trust {
            try await check(trust.document, as: .trust, at: "\(place), trust policy", into: &report)
        }
        for arn in record.attached + [entity.boundary].compactMap(\.self) {
            guard try await !records.hasPolicy(arn) else { continue }
            report.add(
                AccountFinding(.missingPolicy, at: place, "\(arn) is not there: what it allowed, or denied, is gone with it"))
        }
    }

    private func check(
        _ text: String, as grammar: PolicyGrammar, at place: String, into report: inout Report
    ) async throws {
        report.count()
        do {
            let document = try PolicyDocument(text, as: grammar, maxLength: 131_072)
            for finding in document.findings(as: grammar) {
                report.add(
                    AccountFinding(finding.kind.rawValue, at: place, statement: finding.statement, finding.text))
            }
        } catch {
            report.add(
                AccountFinding(.unreadable, at: place, "It cannot be read, and nothing is allowed while it counts: \(error)"))
        }
        for arn in ConditionNames.principals(in: text) {
            guard case .missing = try await principals.principal(arn) else { continue }
            report.add(
                AccountFinding(
                    .unknownPrincipal, at: place,
                    "A condition names \(arn), which is not there: a later one of that name would be meant"))
        }
    }
}

/// The users and roles that conditions name, exactly and not by a pattern.
enum ConditionNames {
    static func principals(in text: String) -> [String] {
        guard case .object(let policy)? = try? JSONValue(parsing: text.utf8) else { return [] }
        let statements: [JSONValue]
        switch policy["Statement"] {
        case .array(let list)?: statements = list
        case let one?: statements = [one]
        case nil: statements = []
        }
        var found: Set<String> = []
        for case .object(let statement) in statements {
            guard case .object(let operators)? = statement["Condition"] else { continue }
            for case .object(let keys) in operators.values {
                for values in keys.values {
                    for value in values.strings ?? [] where !value.contains("*") && !value.contains("?") && !value.contains("$") {
                        if let arn = PrincipalARN(value), arn.path != nil { found.insert(value) }
                    }
                }
            }
        }
        return found.sorted()
    }
}
