/// The condition keys that this server fills in for a request: the AWS keys that it knows, and ECR's own.
///
/// Any other key behaves like one that is absent from a request to AWS: `StringEquals` fails, `StringNotEquals` and `…IfExists`
/// hold, `Null` is true. Like AWS, the server accepts a policy that names such a key, and warns its author: an Allow that needs
/// the key never allows, and a Deny that needs it never denies.
package enum ConditionKeys {
    /// In lower case.
    private static let filled: Set<String> = [
        "aws:principalarn", "aws:principalaccount", "aws:principaltype", "aws:userid", "aws:principalisawsservice",
        "aws:viaawsservice", "aws:resourceaccount", "aws:requestedregion", "aws:currenttime", "aws:epochtime", "aws:sourceip",
        "aws:securetransport", "aws:useragent", "aws:tagkeys", "ecr:accountsetting",
    ]

    private static let filledPrefixes = ["aws:requesttag/", "aws:resourcetag/", "ecr:resourcetag/"]

    /// True if the server fills in the key for some requests. Compared without regard to case.
    package static func areFilled(_ key: String) -> Bool {
        let key = key.lowercased()
        return filled.contains(key) || filledPrefixes.contains { key.hasPrefix($0) && key.utf8.count > $0.utf8.count }
    }
}

extension PolicyDocument {
    /// A condition key that no request to this server has, and the statement that names it: by its Sid, or by its number.
    package struct UnfilledKey: Sendable, Hashable {
        package let key: String
        package let statement: String
        package let effect: PolicyStatement.Effect

        /// A sentence for the policy's author.
        package var warning: String {
            let effect =
                effect == .deny
                ? "a Deny that looks for it is never felt" : "an Allow that needs it never allows"
            return "The condition key \(key) of the statement \(statement) is never filled on this server: \(effect)."
        }
    }

    /// The keys that the policy reads, in conditions or in variables, and that no request has. Each key once per statement.
    package var unfilledKeys: [UnfilledKey] {
        var found: [UnfilledKey] = []
        for (index, statement) in statements.enumerated() {
            var seen: Set<String> = []
            for key in statement.keys where !ConditionKeys.areFilled(key) && seen.insert(key).inserted {
                found.append(
                    UnfilledKey(key: key, statement: statement.sid.map { "'\($0)'" } ?? "\(index + 1)", effect: statement.effect))
            }
        }
        return found
    }
}

extension PolicyStatement {
    /// In lower case, as in `PolicyContext`.
    fileprivate var keys: [String] {
        var patterns: [PolicyPattern] = []
        switch resources {
        case .only(let named)?, .allBut(let named)?: patterns = named
        case nil: break
        }
        for condition in conditions { patterns += condition.test.patterns }
        return conditions.map(\.key) + patterns.flatMap(\.variables)
    }
}

extension PolicyPattern {
    fileprivate var variables: [String] {
        elements.compactMap { element -> String? in
            guard case .variable(key: let key, fallback: nil) = element else { return nil }
            return key
        }
    }
}
