import Foundation
import WeirCore
import WeirWeb

/// Reading what the server answered.
extension JSONValue {
    func text(of name: String) -> String? {
        guard case .string(let text)? = self[name] else { return nil }
        return text
    }

    func number(of name: String) -> Double? {
        switch self[name] {
        case .integer(let number)?: Double(number)
        case .number(let number)?: number
        default: nil
        }
    }

    func count(of name: String) -> Int64 { number(of: name).map { Int64(saturating: $0) } ?? 0 }

    func flag(_ name: String) -> Bool { self[name] == .bool(true) }

    func list(_ name: String) -> [JSONValue] {
        guard case .array(let values)? = self[name] else { return [] }
        return values
    }

    func texts(_ name: String) -> [String] {
        list(name).compactMap { value in
            if case .string(let text) = value { text } else { nil }
        }
    }

    /// A moment, as a person reads it: `2026-01-02 03:04:05`, in UTC.
    func moment(of name: String) -> String? {
        number(of: name).map { seconds in
            Date(timeIntervalSince1970: seconds).formatted(
                .iso8601.year().month().day().dateSeparator(.dash).dateTimeSeparator(.space).time(
                    includingFractionalSeconds: false))
        }
    }
}

/// Numbers as a person reads them.
enum Shown {
    /// `1.5 GiB`
    static func bytes(_ count: Int64) -> String {
        var value = Double(count)
        for unit in ["B", "KiB", "MiB", "GiB", "TiB"] {
            if value < 1024 || unit == "TiB" {
                return unit == "B" ? "\(count) B" : "\(String(format: "%.1f", value)) \(unit)"
            }
            value /= 1024
        }
        return "\(count) B"
    }

    /// A table with aligned columns; the first row is its head.
    static func table(_ rows: [[String]]) -> String {
        let widths = (0..<(rows.map(\.count).max() ?? 0)).map { column in
            rows.map { $0.count > column ? $0[column].count : 0 }.max() ?? 0
        }
        return rows.map { row in
            let cells = row.enumerated().map { column, cell in
                column == row.count - 1 ? cell : cell + String(repeating: " ", count: widths[column] - cell.count)
            }
            return cells.joined(separator: "  ")
        }.joined(separator: "\n") + "\n"
    }
}

/// A line on the terminal that is written over as the work goes on. Nothing where standard error is no terminal.
struct ProgressLine {
    private let isShown = isatty(STDERR_FILENO) == 1

    func show(_ text: String) {
        guard isShown else { return }
        try? FileHandle.standardError.write(contentsOf: Data("\r\u{1b}[2K\(text)".utf8))
    }

    func clear() {
        guard isShown else { return }
        try? FileHandle.standardError.write(contentsOf: Data("\r\u{1b}[2K".utf8))
    }
}
