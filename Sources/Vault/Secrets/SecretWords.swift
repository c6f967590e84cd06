/// How Secrets Manager searches descriptions, and everything at once: by words and not by the whole text, whatever the case of
/// their letters.
///
/// A text is cut at blanks; then at the one of `/ - _ + = . @` that it has, where it has but one kind of them (`my/secret+name`
/// stays whole); then before each capital that small letters follow (`MyLogin` is `My`, `Login`). So recorded from AWS.
enum SecretWords {
    private static let separators = Set("/-_+=.@")

    /// True where one of the texts has, for each word that is looked for, a word that begins with it. A text without words finds
    /// nothing.
    static func contains(_ wanted: String, in texts: [String]) -> Bool {
        let wanted = words(of: wanted)
        guard !wanted.isEmpty else { return false }
        return texts.contains { text in
            let words = words(of: text)
            return wanted.allSatisfy { begin in words.contains { $0.hasPrefix(begin) } }
        }
    }

    /// In small letters.
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
