/// Matches a text against a pattern with wildcards. The time grows with the sum of their lengths, not with the product.
///
/// The pattern is split at its stars. The first piece must begin the text and the last one end it. Each piece between is taken at
/// its first occurrence: a later one could only leave less room for the rest.
enum WildcardSearch {
    typealias Code = PolicyPattern.Code

    /// `*`
    static let anyRun: Code = 0x100
    /// `?`
    static let anyOne: Code = 0x101

    /// - Parameter ignoringCase: the text's ASCII letters are compared as lower case; the pattern has them so.
    static func fits(_ pattern: [Code], _ text: UnsafeBufferPointer<UInt8>, ignoringCase: Bool) -> Bool {
        WildcardText(bytes: text, ignoresCase: ignoringCase).fits(pattern)
    }
}

private struct WildcardText {
    let bytes: UnsafeBufferPointer<UInt8>
    let ignoresCase: Bool

    /// Shorter pieces are searched the simple way, which needs no memory.
    private static let short = 32

    @inline(__always) private func code(_ index: Int) -> WildcardSearch.Code {
        WildcardSearch.Code(ignoresCase ? bytes[index].asciiLowercased : bytes[index])
    }

    func fits(_ pattern: [WildcardSearch.Code]) -> Bool {
        guard let begin = pattern.firstIndex(of: WildcardSearch.anyRun),
            let end = pattern.lastIndex(of: WildcardSearch.anyRun)
        else { return pattern.count == bytes.count && lies(pattern, 0..<pattern.count, at: 0) }
        let tail = pattern.count - end - 1
        guard begin + tail <= bytes.count, lies(pattern, 0..<begin, at: 0),
            lies(pattern, end + 1..<pattern.count, at: bytes.count - tail)
        else { return false }
        var rest = begin..<bytes.count - tail
        var at = begin
        while at < end {
            let start = at + 1
            var stop = start
            while stop < end, pattern[stop] != WildcardSearch.anyRun { stop += 1 }
            if stop > start {
                guard let found = place(of: pattern, start..<stop, in: rest) else { return false }
                rest = found + (stop - start)..<rest.upperBound
            }
            at = stop
        }
        return true
    }

    private func lies(_ pattern: [WildcardSearch.Code], _ piece: Range<Int>, at offset: Int) -> Bool {
        var at = offset
        for index in piece {
            let wanted = pattern[index]
            if wanted != WildcardSearch.anyOne, wanted != code(at) { return false }
            at += 1
        }
        return true
    }

    /// The first position of the piece within `range`.
    private func place(of pattern: [WildcardSearch.Code], _ piece: Range<Int>, in range: Range<Int>) -> Int? {
        guard piece.count <= range.count else { return nil }
        // A piece with `?` is short, since `?` comes only from the policy and never from a caller.
        if piece.count <= Self.short || pattern[piece].contains(WildcardSearch.anyOne) {
            for at in range.lowerBound...range.upperBound - piece.count where lies(pattern, piece, at: at) { return at }
            return nil
        }
        return search(Array(pattern[piece]), in: range)
    }

    /// Knuth-Morris-Pratt: `borders` holds how much of the piece's beginning is also the end of what has matched so far.
    private func search(_ piece: [WildcardSearch.Code], in range: Range<Int>) -> Int? {
        var borders = [0]
        var length = 0
        for code in piece.dropFirst() {
            while length > 0, piece[length] != code { length = borders[length - 1] }
            if piece[length] == code { length += 1 }
            borders.append(length)
        }
        var matched = 0
        for at in range {
            let code = code(at)
            while matched > 0, piece[matched] != code { matched = borders[matched - 1] }
            if piece[matched] == code { matched += 1 }
            if matched == piece.count { return at - piece.count + 1 }
        }
        return nil
    }
}
