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
        guard parts.count == 6 else { return elements.contains(.anyRun) }
        let place = ["arn", registry.region.partition, "ecr", registry.region.description, registry.account.description]
        return zip(parts, place).allSatisfy { $0.matches($1, PolicyContext()) }
            && (parts.last?.mayBegin(with: "repository/") ?? false)
    }

    private func mayBegin(with text: String) -> Bool {
        for (element, byte) in zip(elements, text.utf8) {
            switch element {
            case .anyRun: return true
            case .byte(let own) where own != byte: return false
            case .byte, .anyOne, .variable: continue
            }
        }
        return elements.count > text.utf8.count || elements.contains(.anyRun)
    }
}
