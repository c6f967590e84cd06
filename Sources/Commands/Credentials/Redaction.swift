/// A server's own words, before they are shown: servers may repeat what they were sent.
enum Redaction {
    /// In characters: more than any sentence of the API.
    private static let longest = 1_000
    /// In characters: a run of them is a token, a key or a part of one, and no word.
    private static let word = 40

    /// The text without the secrets, without anything that looks like a token, and in one line.
    static func text(_ text: String, hiding secrets: [String]) -> String {
        let parts = hiding(secrets, in: text).unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7f ? " " : Character($0) }
            .split(separator: " ", omittingEmptySubsequences: false)
        let words = parts.map { part in isToken(part) ? "(hidden)" : String(part) }
        return String(words.joined(separator: " ").prefix(longest))
    }

    /// The text without the secrets.
    static func hiding(_ secrets: [String], in text: String) -> String {
        secrets.filter { !$0.isEmpty }.reduce(text) { $0.replacing($1, with: "(hidden)") }
    }

    /// ARNs and URLs are long too, and tell what was refused.
    private static func isToken(_ word: ArraySlice<Character>) -> Bool {
        let text = String(word)
        return text.contains("eyJ") || text.count > Self.word && !text.contains("arn:") && !text.contains("://")
    }
}
