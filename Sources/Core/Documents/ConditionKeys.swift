/// The condition keys that requests to this server have: those of AWS that are true here, and ECR's own.
///
/// A key that no request ever has behaves as one that is absent from a request to AWS (`StringEquals` fails, `StringNotEquals`
/// and `…IfExists` hold, `Null` says so). A policy that names one is accepted, as AWS accepts it, and its author is told: an
/// Allow that needs the key never allows, and a Deny may sleep for ever.
package enum ConditionKeys {
    /// In lower case.
    private static let filled: Set<String> = [
        "aws:principalarn", "aws:principalaccount", "aws:principaltype", "aws:userid", "aws:principalisawsservice",
        "aws:viaawsservice", "aws:resourceaccount", "aws:requestedregion", "aws:currenttime", "aws:epochtime", "aws:sourceip",
        "aws:securetransport", "aws:useragent", "aws:tagkeys", "ecr:accountsetting",
    ]

    private static let filledPrefixes = ["aws:requesttag/", "aws:resourcetag/", "ecr:resourcetag/"]

    /// True where some request can have the key. Letters of any case.
    package static func areFilled(_ key: String) -> Bool {
        let key = key.lowercased()
        return filled.contains(key) || filledPrefixes.contains { key.hasPrefix($0) && key.utf8.count > $0.utf8.count }
    }
}

extension PolicyDocument {
    /// A condition key that no request to this server has, and the statement that names it: its Sid, or its place.
    package struct UnfilledKey: Sendable, Hashable {
        package let key: String
        package let statement: String
        package let effect: PolicyStatement.Effect

        /// A sentence for whoever wrote the policy.
        package var warning: String {
            let effect =
                effect == .deny
                ? "a Deny that looks for it is never felt" : "an Allow that needs it never allows"
            return "The condition key \(key) of the statement \(statement) is never filled on this server: \(effect)."
        }
    }

    /// The keys that the policy asks for, in conditions or by variables, and that it will never see. Each once for each
    /// statement.
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
    /// In lower case, as the request has them.
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
