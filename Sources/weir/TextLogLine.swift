import Foundation
import Logging
import WeirCommands
import WeirCore

/// One line per event, for people: time, level, message, then the metadata, with sizes and times in readable units. Text from
/// clients can neither break the line nor move a terminal's cursor.
enum TextLogLine {
    /// `2026-11-30T00:40:05.123Z info     Blob filled  fill.bytes=2.0MiB fill.seconds=78ms`, with its line break.
    static func line(_ level: Logger.Level, _ label: String, _ message: String, _ facts: [LogFacts.Fact]) -> String {
        let level = level.rawValue.padding(toLength: 8, withPad: " ", startingAt: 0)
        var line = "\(Date().formatted(LogFacts.timeFormat)) \(level) \(LogText.escaped(message))"
        if !facts.isEmpty { line += " " }
        for fact in facts { line += " \(LogText.escaped(fact.key))=\(quoted(text(of: fact)))" }
        // The program's own logger needs no name.
        if label != "weir" { line += " [\(LogText.escaped(label))]" }
        return line + "\n"
    }

    private static func text(of fact: LogFacts.Fact) -> String {
        guard case .stringConvertible(let value) = fact.value else { return "\(fact.value)" }
        switch value {
        case let bytes as any BinaryInteger where fact.key.hasSuffix("bytes"):
            return Shown.bytes(Int64(clamping: bytes)).replacing(" ", with: "")
        case let seconds as Double where fact.key.hasSuffix("seconds"): return Shown.duration(seconds)
        default: return "\(value)"
        }
    }

    /// A value is quoted if its end would be unclear.
    private static func quoted(_ text: String) -> String {
        let escaped = LogText.escaped(text)
        guard escaped.isEmpty || escaped.utf8.contains(where: { $0 == 0x20 || $0 == 0x22 || $0 == 0x3d }) else { return escaped }
        return "\"" + escaped.replacing("\"", with: "\\\"") + "\""
    }
}
