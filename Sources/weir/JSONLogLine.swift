import Foundation
import Logging
import WeirCore

/// One JSON object per line on standard error: `time`, `level`, `logger`, `message`, and the metadata. Counts, bytes, statuses
/// and seconds are JSON numbers.
enum JSONLogLine {
    static func line(
        _ level: Logger.Level, _ label: String, _ message: String, _ facts: [LogFacts.Fact]
    ) -> String {
        var line = JSONLine()
        line.member("time", Date().formatted(LogFacts.timeFormat))
        line.member("level", level.rawValue)
        line.member("logger", label)
        line.member("message", message)
        for (key, value) in facts { line.member(key, value) }
        return line.finish()
    }
}

/// Writes the members of one JSON object.
private struct JSONLine {
    private var text = "{"

    mutating func member(_ key: String, _ value: String) { member(key, .string(value)) }

    mutating func member(_ key: String, _ value: Logger.MetadataValue) {
        if text.utf8.count > 1 { text += "," }
        quote(key)
        text += ":"
        write(value)
    }

    private mutating func write(_ value: Logger.MetadataValue) {
        switch value {
        case .string(let string): quote(string)
        case .stringConvertible(let value): write(value)
        case .array(let values): list(values, "[", "]") { $0.write($1) }
        case .dictionary(let members):
            list(members.sorted { $0.key < $1.key }, "{", "}") {
                $0.quote($1.key)
                $0.text += ":"
                $0.write($1.value)
            }
        }
    }

    private mutating func write(_ value: any CustomStringConvertible) {
        switch value {
        case let number as any BinaryInteger: text += "\(number)"
        // JSON has no infinity and no NaN. Rounded to a microsecond.
        case let number as Double where number.isFinite: text += "\((number * 1e6).rounded() / 1e6)"
        case let truth as Bool: text += truth ? "true" : "false"
        default: quote(value.description)
        }
    }

    private mutating func list<Element>(
        _ elements: [Element], _ begin: String, _ end: String, _ write: (inout Self, Element) -> Void
    ) {
        text += begin
        for (index, element) in elements.enumerated() {
            if index > 0 { text += "," }
            write(&self, element)
        }
        text += end
    }

    func finish() -> String { text + "}\n" }

    private mutating func quote(_ string: String) { text += JSONText.quotedForTerminal(string) }
}
