/// Escapes untrusted text for a log line that is shown in a terminal.
package enum LogText {
    /// `text`, with each character that ends a line, moves the cursor, changes a colour or turns the writing direction written as
    /// `\u{1b}`. Backslashes are doubled, so that the text cannot contain a forged escape.
    package static func escaped(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: { $0 == "\\" || isHidden($0) }) else { return text }
        var escaped = ""
        for scalar in text.unicodeScalars {
            if scalar == "\\" {
                escaped += "\\\\"
            } else if isHidden(scalar) {
                escaped += "\\u{\(String(scalar.value, radix: 16))}"
            } else {
                escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }

    /// Control characters of ASCII and Latin-1, line and paragraph separators, direction marks and overrides.
    package static func isHidden(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7f..<0xa0, 0x200e...0x200f, 0x2028...0x202e, 0x2066...0x2069, 0xfeff: true
        default: false
        }
    }
}
