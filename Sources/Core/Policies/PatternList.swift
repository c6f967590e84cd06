/// The patterns of one list, laid out for matching: most are text, or text and one star at the end. These lie in one row of
/// bytes, so that comparing them copies and counts nothing.
final class PatternList: Sendable {
    private struct Entry {
        let start: Int
        let count: Int
        /// The text ends where the pattern ends.
        let isWhole: Bool
    }

    private let bytes: [UInt8]
    private let entries: [Entry]
    /// Those with wildcards within, or with variables.
    private let others: [PolicyPattern]
    private let ignoresCase: Bool

    init(_ patterns: [PolicyPattern], ignoringCase: Bool) {
        var bytes: [UInt8] = []
        var entries: [Entry] = []
        var others: [PolicyPattern] = []
        for pattern in patterns {
            guard let text = pattern.plain else {
                others.append(pattern)
                continue
            }
            entries.append(Entry(start: bytes.count, count: text.head.count, isWhole: text.isWhole))
            bytes += text.head
        }
        (self.bytes, self.entries, self.others, ignoresCase) = (bytes, entries, others, ignoringCase)
    }

    /// True if a pattern without variables fits the text.
    func contains(_ text: String) -> Bool {
        let isPlain = text.withUTF8Bytes { text in
            bytes.withUnsafeBufferPointer { bytes in
                for entry in entries where entry.isWhole ? entry.count == text.count : entry.count <= text.count {
                    if begins(text, bytes, entry.start, entry.count) { return true }
                }
                return false
            }
        }
        return isPlain || !others.isEmpty && others.contains { $0.matches(text) }
    }

    private func begins(
        _ text: UnsafeBufferPointer<UInt8>, _ bytes: UnsafeBufferPointer<UInt8>, _ start: Int, _ count: Int
    ) -> Bool {
        if ignoresCase {
            for index in 0..<count where bytes[start + index] != text[index].asciiLowercased { return false }
        } else {
            for index in 0..<count where bytes[start + index] != text[index] { return false }
        }
        return true
    }
}
