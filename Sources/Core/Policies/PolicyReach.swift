extension PolicyDocument {
    /// The statements whose `Resource` matches nothing in this registry, by Sid or number. Such statements never apply here.
    package func statementsBeyond(_ registry: RegistryID) -> [String] {
        statements.enumerated().compactMap { index, statement in
            guard case .only(let patterns)? = statement.resources, !patterns.contains(where: { $0.mayName(in: registry) }) else {
                return nil
            }
            return statement.sid.map { "'\($0)'" } ?? "\(index + 1)"
        }
    }
}

extension PolicyPattern {
    /// False if the pattern can match neither a repository of the registry nor `*`, the resource of actions on the registry
    /// itself.
    fileprivate func mayName(in registry: RegistryID) -> Bool {
        guard !hasVariables else { return true }
        let parts = self.parts
        // A wildcard may span colons.
        guard parts.count == 6 else { return codes?.contains(WildcardSearch.anyRun) ?? true }
        let place = ["arn", registry.region.partition, "ecr", registry.region.description, registry.account.description]
        return zip(parts, place).allSatisfy { $0.matches($1) } && (parts.last?.mayBegin(with: "repository/") ?? false)
    }

    private func mayBegin(with text: String) -> Bool {
        guard let codes else { return true }
        for (code, byte) in zip(codes, text.utf8) {
            if code == WildcardSearch.anyRun { return true }
            if code != WildcardSearch.anyOne, code != Code(byte) { return false }
        }
        return codes.count > text.utf8.count || codes.contains(WildcardSearch.anyRun)
    }
}
