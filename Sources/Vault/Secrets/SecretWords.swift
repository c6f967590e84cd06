/// Secrets Manager's search in descriptions and in everything: by words, without regard to case.
///
/// A text is split at white space. Each part is split at its separators from `/ - _ + = . @`, if it has only one kind of them
/// (`my/secret+name` stays whole), and then before each capital that a lower-case letter follows (`MyLogin` is `My`, `Login`).
/// Recorded from AWS.
enum SecretWords {
    private static let separators = Set("/-_+=.@")

    /// True if one of the texts has, for each wanted word, a word that begins with it. False if `wanted` has no words.
    static func contains(_ wanted: String, in texts: [String]) -> Bool {
        let wanted = words(of: wanted)
        guard !wanted.isEmpty else { return false }
        return texts.contains { text in
            let words = words(of: text)
            return wanted.allSatisfy { begin in words.contains { $0.hasPrefix(begin) } }
        }
    }

    /// In lower case.
    static func words(of text: String) -> [String] {
        text.split(whereSeparator: \.isWhitespace).flatMap { part -> [String] in
            let kinds = Set(part.filter(separators.contains))
            guard kinds.count <= 1 else { return [part.lowercased()] }
            return part.split(whereSeparator: kinds.contains).flatMap(byCapitals)
        }
    }

    /// `fooBarAWS1` is `foo`, `Bar`, `AWS1`.
    private static func byCapitals(_ part: Substring) -> [String] {
        var words: [String] = []
        var word = ""
        var rest = part[...]
        while let letter = rest.popFirst() {
            if letter.isUppercase, rest.first?.isLowercase ?? false, !word.isEmpty {
                words.append(word.lowercased())
                word = ""
            }
            word.append(letter)
        }
        return words + [word.lowercased()]
    }
}
