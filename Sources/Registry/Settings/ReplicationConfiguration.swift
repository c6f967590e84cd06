package import WeirCore

/// Where pushed images of a registry are copied to (ECR's `ReplicationConfiguration`).
package struct ReplicationConfiguration: Sendable, Hashable, Codable {
    /// ECR's quota "Unique destinations across all replication rules".
    static let maxDestinations = 25

    package struct Destination: Sendable, Hashable, Codable {
        package let region: String
        package let registryID: String

        package init(region: String, registryID: String) {
            self.region = region
            self.registryID = registryID
        }

        /// Nil where a newer version stored what this one does not accept as a registry.
        package var registry: RegistryID? {
            guard let account = try? AccountID(registryID), let region = try? Region(region) else { return nil }
            return RegistryID(account: account, region: region)
        }
    }

    package struct Rule: Sendable, Hashable, Codable {
        package let destinations: [Destination]
        /// The beginnings of the repository names that the rule is for; nil for all.
        package let prefixes: [String]?

        package init(destinations: [Destination], prefixes: [String]?) {
            self.destinations = destinations
            self.prefixes = prefixes
        }

        func covers(_ name: RepositoryName) -> Bool {
            prefixes.map { $0.contains { name.description.hasPrefix($0) } } ?? true
        }
    }

    package let rules: [Rule]

    package init(rules: [Rule]) { self.rules = rules }

    /// Throws ECR's refusal of a configuration that replicates a registry to itself, or to too many others.
    func check(in registry: RegistryID) throws(Refusal) {
        let all = Set(rules.flatMap(\.destinations))
        guard !all.contains(where: { $0.registry == registry }) else {
            throw .invalidParameter(
                "replicationConfiguration", "Replication destination cannot be the same as the source registry")
        }
        guard all.count <= Self.maxDestinations else {
            throw .invalidParameter(
                "replicationConfiguration",
                "Replication rules can have at most \(Self.maxDestinations) unique destinations together")
        }
    }

    /// Where images of the repository are copied to, each destination once.
    package func destinations(of name: RepositoryName) -> [RegistryID] {
        var seen: Set<RegistryID> = []
        return rules.filter { $0.covers(name) }.flatMap(\.destinations).compactMap(\.registry)
            .filter { seen.insert($0).inserted }
    }
}
