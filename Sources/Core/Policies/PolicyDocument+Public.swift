extension PolicyDocument {
    /// True if an Allow is for everyone: a principal `*`, and no condition that bounds who that can be.
    package var isPublic: Bool {
        statements.contains { statement in
            guard statement.effect == .allow else { return false }
            let isForAll =
                switch statement.principals {
                case .only(let principals)?: principals.contains(.everyone)
                case .allBut?: true
                case nil: false
                }
            return isForAll && !statement.conditions.contains(where: \.boundsPrincipals)
        }
    }
}

extension PolicyCondition {
    private static let bounding: Set<String> = [
        "aws:principalarn", "aws:principalaccount", "aws:principalorgid", "aws:userid", "aws:username", "aws:sourcearn",
        "aws:sourceaccount", "kms:calleraccount",
    ]

    /// An absent key, or a pattern that fits everything, bounds nobody.
    fileprivate var boundsPrincipals: Bool {
        Self.bounding.contains(key) && !operation.isNegated && !operation.ifExists && operation.quantifier != .forAllValues
            && !test.patterns.contains { $0.isEverything }
    }
}
