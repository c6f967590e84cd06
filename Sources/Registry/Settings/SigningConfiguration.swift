package import WeirCore

/// Which images ECR would sign on push, and with which profile. It is kept and read back; this server has no signer.
package struct SigningConfiguration: Sendable, Hashable, Codable {
    package struct Rule: Sendable, Hashable, Codable {
        package let profileARN: String
        /// Nil for every repository.
        package let filters: [String]?

        package init(profileARN: String, filters: [String]?) {
            self.profileARN = profileARN
            self.filters = filters
        }
    }

    package let rules: [Rule]

    package init(rules: [Rule]) { self.rules = rules }

    /// The profiles of the rules that a repository matches, each once.
    package func profiles(for name: RepositoryName) -> [String] {
        var seen: Set<String> = []
        return rules.filter { rule in rule.filters.map { $0.contains { RepositoryFilter.matches($0, name) } } ?? true }
            .map(\.profileARN).filter { seen.insert($0).inserted }
    }
}
