/// Matches a text against a pattern with wildcards. The time grows with the sum of their lengths, not with the product.
///
/// The pattern is split at its stars. The first piece must begin the text and the last one end it. Each piece between is taken at
/// its first occurrence: a later one could only leave less room for the rest.
enum WildcardSearch {
    typealias Element = PolicyPattern.Element

    static func fits(_ pattern: [Element], _ text: [UInt8]) -> Bool {
        guard let begin = pattern.firstIndex(of: .anyRun), let end = pattern.lastIndex(of: .anyRun) else {
            return pattern.count == text.count && lies(pattern[...], in: text, at: 0)
        }
        let (head, tail) = (pattern[..<begin], pattern[(end + 1)...])
        guard head.count + tail.count <= text.count, lies(head, in: text, at: 0),
            lies(tail, in: text, at: text.count - tail.count)
        else { return false }
        var rest = head.count..<text.count - tail.count
        for piece in pattern[begin..<end].split(separator: .anyRun) {
            guard let found = place(of: Array(piece), in: text, rest) else { return false }
            rest = found + piece.count..<rest.upperBound
        }
        return true
    }

    private static func lies(_ piece: ArraySlice<Element>, in text: [UInt8], at offset: Int) -> Bool {
        zip(piece, text[offset...]).allSatisfy { fits($0, $1) }
    }

    private static func fits(_ element: Element, _ byte: UInt8) -> Bool { element == .anyOne || element == .byte(byte) }

    /// The first position of the piece within `range`.
    private static func place(of piece: [Element], in text: [UInt8], _ range: Range<Int>) -> Int? {
        guard piece.count <= range.count else { return nil }
        guard !piece.contains(.anyOne) else {
            // A piece with `?` is short, since `?` comes only from the policy and never from a caller: the simple search is
            // enough.
            return (range.lowerBound...range.upperBound - piece.count).first { lies(piece[...], in: text, at: $0) }
        }
        // Knuth-Morris-Pratt: `borders` holds how much of the piece's beginning is also the end of what has matched so far.
        var borders = [0]
        var length = 0
        for element in piece.dropFirst() {
            while length > 0, piece[length] != element { length = borders[length - 1] }
            if piece[length] == element { length += 1 }
            borders.append(length)
        }
        var matched = 0
        for at in range {
            while matched > 0, piece[matched] != .byte(text[at]) { matched = borders[matched - 1] }
            if piece[matched] == .byte(text[at]) { matched += 1 }
            if matched == piece.count { return at - piece.count + 1 }
        }
        return nil
    }
}
