/// The names of users, roles and providers in a policy's `Principal`, and what takes their place.
///
/// A policy that is saved keeps the unique ids of those whom it names, so that another one of the same name, made later, has
/// nothing from it. `Condition` and all else is left alone.
package enum PrincipalNames {
    private static let elements = ["Principal", "NotPrincipal"]
    private static let kinds = ["AWS", "Federated"]

    /// The names under `AWS` and `Federated`, each once, in the order of the text's statements. None if the text is no policy.
    package static func names(in text: String) -> [String] {
        guard let document = JSONValue(document: text) else { return [] }
        var found: [String] = []
        var seen: Set<String> = []
        _ = replacing(in: document) { name in
            if seen.insert(name).inserted { found.append(name) }
            return name
        }
        return found
    }

    /// The text with other names in place of those in `names`; the text itself, byte for byte, where there is none of them.
    package static func replaced(in text: String, _ names: [String: String]) -> String {
        guard !names.isEmpty, let document = JSONValue(document: text) else { return text }
        let changed = replacing(in: document) { names[$0] ?? $0 }
        return changed == document ? text : changed.text
    }

    private static func replacing(in document: JSONValue, _ change: (String) -> String) -> JSONValue {
        guard case .object(var members) = document, let statements = members["Statement"] else { return document }
        switch statements {
        case .array(let list): members["Statement"] = .array(list.map { replacing(inStatement: $0, change) })
        default: members["Statement"] = replacing(inStatement: statements, change)
        }
        return .object(members)
    }

    private static func replacing(inStatement statement: JSONValue, _ change: (String) -> String) -> JSONValue {
        guard case .object(var members) = statement else { return statement }
        for element in elements {
            guard case .object(var principals)? = members[element] else { continue }
            for kind in kinds {
                switch principals[kind] {
                case .string(let name)?: principals[kind] = .string(change(name))
                case .array(let names)?:
                    principals[kind] = .array(
                        names.map { name in
                            if case .string(let text) = name { .string(change(text)) } else { name }
                        })
                default: continue
                }
            }
            members[element] = .object(principals)
        }
        return .object(members)
    }
}
