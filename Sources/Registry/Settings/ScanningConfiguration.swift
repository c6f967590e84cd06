package import WeirCore

/// Which repositories are scanned, and when (ECR's `RegistryScanningConfiguration`). Kept and read back: nothing here scans.
package struct ScanningConfiguration: Sendable, Hashable, Codable {
    package enum Kind: String, Sendable, Codable, CaseIterable {
        case basic = "BASIC"
        case enhanced = "ENHANCED"
    }

    package enum Frequency: String, Sendable, Codable, CaseIterable {
        case scanOnPush = "SCAN_ON_PUSH"
        case continuousScan = "CONTINUOUS_SCAN"
        case manual = "MANUAL"
    }

    package struct Rule: Sendable, Hashable, Codable {
        package let frequency: Frequency
        package let filters: [String]

        package init(frequency: Frequency, filters: [String]) {
            self.frequency = frequency
            self.filters = filters
        }
    }

    /// What the configuration means for one repository.
    package struct Applied: Sendable, Hashable {
        /// The repository's own, deprecated setting, independent of the rules.
        package let scanOnPush: Bool
        package let frequency: Frequency
        package let filters: [String]
    }

    package static let standard = ScanningConfiguration(kind: .basic, rules: [])

    package let kind: Kind
    package let rules: [Rule]

    package init(kind: Kind, rules: [Rule]) {
        self.kind = kind
        self.rules = rules
    }

    /// Basic scanning has no continuous scan, and a frequency has one rule at most.
    func check() throws(Refusal) {
        guard kind == .enhanced || !rules.contains(where: { $0.frequency == .continuousScan }) else {
            throw .invalidParameter("rules", "CONTINUOUS_SCAN can be used with the scan type ENHANCED only")
        }
        guard Set(rules.map(\.frequency)).count == rules.count else {
            throw .invalidParameter("rules", "Each scan frequency can have one rule")
        }
    }

    /// The continuous scan wins over the scan on push, as in ECR. Without a rule the repository's own setting counts as a scan on
    /// push.
    package func applied(to repository: Repository) -> Applied {
        for frequency in [Frequency.continuousScan, .scanOnPush] {
            let filters = rules.filter { $0.frequency == frequency }.flatMap(\.filters)
                .filter { RepositoryFilter.contains($0, repository.name) }
            guard filters.isEmpty else {
                return Applied(scanOnPush: repository.scanOnPush, frequency: frequency, filters: filters)
            }
        }
        return Applied(
            scanOnPush: repository.scanOnPush, frequency: repository.scanOnPush ? .scanOnPush : .manual, filters: [])
    }
}

/// The filters by which settings choose repositories.
enum RepositoryFilter {
    /// A scanning filter: with wildcards the whole name must match; without, the name must contain it.
    static func contains(_ filter: String, _ name: RepositoryName) -> Bool {
        filter.contains("*") ? Glob(filter).matches(name.description) : name.description.contains(filter)
    }

    /// A signing filter: the whole name must match.
    static func matches(_ filter: String, _ name: RepositoryName) -> Bool { Glob(filter).matches(name.description) }
}
