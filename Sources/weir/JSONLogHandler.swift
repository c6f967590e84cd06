import Foundation
import Logging
import WeirCore

/// One JSON object a line on standard error: `time`, `level`, `logger`, `message`, and the facts beside them.
struct JSONLogHandler: LogHandler {
    private let label: String
    private let output: LogOutput
    var logLevel: Logger.Level = .info
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?

    init(label: String, output: LogOutput = .standardError) {
        self.label = label
        self.output = output
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        output.put(
            Self.line(event.level, label, event.message.description, LogFacts.of(event, metadata, metadataProvider)))
    }

    static func line(
        _ level: Logger.Level, _ label: String, _ message: String, _ facts: [(key: String, value: String)]
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

    mutating func member(_ key: String, _ value: String) {
        if text.utf8.count > 1 { text += "," }
        quote(key)
        text += ":"
        quote(value)
    }

    func finish() -> String { text + "}\n" }

    private mutating func quote(_ string: String) {
        text += "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            // A reader of JSON gets them all back; a terminal does not get to act on them.
            case _ where LogText.isHidden(scalar):
                let hex = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }
}
