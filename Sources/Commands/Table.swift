/// Rows of texts, with aligned columns.
package struct Table {
    /// No column gets narrower than this, however narrow the terminal is.
    private static let least = 12
    private static let gap = 2

    private let rows: [[String]]

    /// - Parameter rows: the first one is the head.
    package init(_ rows: [[String]]) { self.rows = rows }

    /// Each row in a line, which ends with a line break.
    ///
    /// - Parameter width: the terminal's columns: the last column is cut to what the others leave, with a `…`. Nil: nothing is
    ///   cut.
    package func text(within width: Int?) -> String {
        let widths = (0..<(rows.map(\.count).max() ?? 0)).map { column in
            rows.map { $0.count > column ? $0[column].count : 0 }.max() ?? 0
        }
        let before = widths.dropLast().reduce(into: 0) { $0 += $1 + Self.gap }
        let left = width.map { max($0 - before, Self.least) } ?? .max
        return rows.map { row in
            row.enumerated().map { column, cell in
                guard column == row.count - 1 else { return cell + String(repeating: " ", count: widths[column] - cell.count) }
                return column == widths.count - 1 ? Self.cut(cell, to: left) : cell
            }.joined(separator: String(repeating: " ", count: Self.gap))
        }.joined(separator: "\n") + "\n"
    }

    private static func cut(_ text: String, to length: Int) -> String {
        text.count <= length ? text : text.prefix(length - 1) + "…"
    }
}
