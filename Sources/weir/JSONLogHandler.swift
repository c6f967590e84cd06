import Foundation
import Logging

/// One JSON object a line on standard error: `time`, `level`, `logger`, `message`, and the facts beside them.
struct JSONLogHandler: LogHandler {
    private let label: String
    var logLevel: Logger.Level = .info
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?

    init(label: String) { self.label = label }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var facts = metadata
        if let provided = metadataProvider?.get() { facts.merge(provided) { _, new in new } }
        if let given = event.metadata { facts.merge(given) { _, new in new } }
        if let error = event.error { facts["error"] = "\(error)" }
        var line = LineWriter()
        line.member("time", Date().formatted(Self.timeFormat))
        line.member("level", event.level.rawValue)
        line.member("logger", label)
        line.member("message", event.message.description)
        for (key, value) in facts.sorted(by: { $0.key < $1.key }) { line.member(key, "\(value)") }
        // A log that cannot be written, since its disk is full or its reader gone, must not end the server: `write(_:)` would.
        try? FileHandle.standardError.write(contentsOf: line.finish())
    }

    private static let timeFormat = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
}

/// Writes the members of one JSON object.
private struct LineWriter {
    private var text = "{"

    mutating func member(_ key: String, _ value: String) {
        if text.utf8.count > 1 { text += "," }
        quote(key)
        text += ":"
        quote(value)
    }

    func finish() -> Data { Data((text + "}\n").utf8) }

    private mutating func quote(_ string: String) {
        text += "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case _ where scalar.value < 0x20:
                let hex = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }
}
