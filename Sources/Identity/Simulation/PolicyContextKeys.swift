package import WeirCore

/// The condition keys that policies read, in conditions or in variables, as they are written.
package enum PolicyContextKeys {
    /// Each key once, in the order in which the documents name them. Keys that differ in case alone are one.
    ///
    /// Throws `.iamInvalidInput` for a text that is no policy of an identity.
    package static func named(by documents: [String]) throws(Refusal) -> [String] {
        for (index, document) in documents.enumerated() {
            try SimulatedPolicy.check(document, as: .identity, "policyInputList.\(index.adding(1))")
        }
        return all(in: documents)
    }

    /// The same for documents that are known to be policies.
    static func all(in documents: [String]) -> [String] {
        var (keys, seen): ([String], Set<String>) = ([], [])
        func take(_ key: String) { if seen.insert(key.lowercased()).inserted { keys.append(key) } }
        for document in documents {
            guard let value = try? JSONValue(parsing: document.utf8) else { continue }
            let statements = if case .array(let list)? = value["Statement"] { list } else { [value["Statement"] ?? .null] }
            for statement in statements {
                for member in ["Resource", "NotResource"] { texts(statement[member]).flatMap(variables).forEach(take) }
                guard case .object(let operators)? = statement["Condition"] else { continue }
                for case (_, .object(let lines)) in operators.sorted(by: { $0.key < $1.key }) {
                    for (key, values) in lines.sorted(by: { $0.key < $1.key }) {
                        take(key)
                        texts(values).flatMap(variables).forEach(take)
                    }
                }
            }
        }
        return keys
    }

    private static func texts(_ value: JSONValue?) -> [String] {
        switch value {
        case .string(let text)?: [text]
        case .array(let values)?: values.compactMap { if case .string(let text) = $0 { text } else { nil } }
        default: []
        }
    }

    /// The keys of `${key}` and of `${key, 'default'}`. `${*}`, `${?}` and `${$}` stand for themselves.
    private static func variables(_ text: String) -> [String] {
        text.components(between: "${", and: "}").compactMap { inside in
            let key = inside.prefix { $0 != "," }.filter { $0 != " " }
            return ["", "*", "?", "$"].contains(key) ? nil : String(key)
        }
    }
}

extension String {
    /// What stands between each `opening` and the next `closing`.
    fileprivate func components(between opening: String, and closing: Character) -> [Substring] {
        var found: [Substring] = []
        var rest = self[...]
        while let start = rest.firstRange(of: opening), let end = rest[start.upperBound...].firstIndex(of: closing) {
            found.append(rest[start.upperBound..<end])
            rest = rest[end...]
        }
        return found
    }
}
