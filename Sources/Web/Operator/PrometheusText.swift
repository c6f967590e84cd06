/// Prometheus' text format, version 0.0.4: its names, escapes, numbers and lines.
enum PrometheusText {
    enum Kind: String, Sendable { case counter, gauge, histogram }

    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// The family's printed name, with the format's characters only, a timer's unit, and `_total` for a counter.
    static func name(_ label: String, _ kind: Kind, unit: String) -> String {
        var name = sanitized(label)
        if !name.hasSuffix(unit) { name += unit }
        if kind == .counter, !name.hasSuffix("_total") { name += "_total" }
        return name
    }

    /// `[a-zA-Z_][a-zA-Z0-9_]*`: every other character becomes an underscore.
    static func sanitized(_ label: String) -> String {
        var bytes: [UInt8] = []
        for byte in label.utf8 {
            let isLetter = (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a) || byte == 0x5f
            let isDigit = byte >= 0x30 && byte <= 0x39
            if isDigit, bytes.isEmpty { bytes.append(0x5f) }
            bytes.append(isLetter || isDigit ? byte : 0x5f)
        }
        return bytes.isEmpty ? "_" : String(decoding: bytes, as: UTF8.self)
    }

    static func head(_ name: String, _ kind: Kind, help: String?, into text: inout String) {
        let words = help ?? String(name.map { $0 == "_" ? " " : $0 })
        text += "# HELP \(name) \(escaped(words, quotes: false))\n# TYPE \(name) \(kind.rawValue)\n"
    }

    static func line(_ name: String, _ labels: [PrometheusLabel], _ value: String, into text: inout String) {
        text += name
        if !labels.isEmpty {
            text += "{"
            for (index, label) in labels.enumerated() {
                text += "\(index == 0 ? "" : ",")\(label.name)=\"\(escaped(label.value, quotes: true))\""
            }
            text += "}"
        }
        text += " \(value)\n"
    }

    /// A number without a needless fraction: `0.5`, `10`, `+Inf`.
    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if abs(value) < 1e15, let whole = Int64(exactly: value) { return "\(whole)" }
        return "\(value)"
    }

    private static func escaped(_ text: String, quotes: Bool) -> String {
        guard text.utf8.contains(where: { $0 == 0x5c || $0 == 0x0a || $0 == 0x22 }) else { return text }
        var escaped = ""
        for character in text.unicodeScalars {
            switch character {
            case "\\": escaped += "\\\\"
            case "\n": escaped += "\\n"
            case "\"" where quotes: escaped += "\\\""
            default: escaped.unicodeScalars.append(character)
            }
        }
        return escaped
    }
}
