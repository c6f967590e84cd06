/// Where a policy's statement stands in its text, as IAM's simulator tells it.
package struct StatementPlace: Sendable, Equatable {
    /// Behind the bracket or brace that opens the statements, or behind the statement before.
    package let start: PolicyText.Position
    /// Behind its last brace.
    package let end: PolicyText.Position

    package init(start: PolicyText.Position, end: PolicyText.Position) {
        self.start = start
        self.end = end
    }

    /// Those of all statements, in their order. Columns count characters.
    ///
    /// - Parameter text: a document that `PolicyDocument` takes.
    package static func all(in text: String) -> [StatementPlace] {
        let ranges = PolicyText(text).statements
        let bytes = Array(text.utf8)
        guard let first = ranges.first else { return [] }
        let places = positions(of: [opening(before: first.lowerBound, bytes)] + ranges.map(\.upperBound), in: bytes)
        return zip(places, places.dropFirst()).map { StatementPlace(start: $0, end: $1) }
    }

    /// Behind the list's bracket, or behind the statement's own brace where it stands alone.
    private static func opening(before brace: Int, _ bytes: [UInt8]) -> Int {
        let isSpace = { (byte: UInt8) in byte == 0x20 || byte == 0x09 || byte == 0x0a || byte == 0x0d }
        if let before = bytes[..<brace].lastIndex(where: { !isSpace($0) }), bytes[before] == UInt8(ascii: "[") {
            return before.adding(1)
        }
        return brace.adding(1)
    }

    /// Where the bytes of these offsets stand, read in one pass.
    ///
    /// - Parameter offsets: growing.
    private static func positions(of offsets: [Int], in bytes: [UInt8]) -> [PolicyText.Position] {
        var positions: [PolicyText.Position] = []
        var (line, column, at) = (1, 1, 0)
        for offset in offsets {
            for byte in bytes[at..<offset] {
                if byte == UInt8(ascii: "\n") {
                    (line, column) = (line.adding(1), 1)
                } else if byte & 0xc0 != 0x80 {
                    column.add(1)
                }
            }
            at = offset
            positions.append(PolicyText.Position(line: line, column: column))
        }
        return positions
    }
}
