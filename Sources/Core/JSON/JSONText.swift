package import NIOCore

/// JSON's strings, as every door, log and event writes them: what ends a line, moves a cursor or ends the string is escaped, and
/// all else goes as it is.
package enum JSONText {
    private static let digits = Array("0123456789abcdef".utf8)

    package static func quoted(_ text: String) -> String { String(decoding: bytes(of: text), as: UTF8.self) }

    /// The same for a log, which a terminal shows: what turns the direction of writing, or is not seen, is escaped too. A reader
    /// of JSON gets it back.
    package static func quotedForTerminal(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: LogText.isHidden) else { return quoted(text) }
        return "\""
            + text.unicodeScalars.map { LogText.isHidden($0) ? escaped($0) : String(quoted(String($0)).dropFirst().dropLast()) }
            .joined()
            + "\""
    }

    private static func escaped(_ scalar: Unicode.Scalar) -> String {
        switch scalar {
        case "\n": return "\\n"
        case "\r": return "\\r"
        case "\t": return "\\t"
        default:
            return String(scalar).utf16.map { unit in
                let hex = String(unit, radix: 16)
                return "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            }.joined()
        }
    }

    package static func list(_ texts: [String]) -> String { "[" + texts.map(quoted).joined(separator: ",") + "]" }

    /// Appends the string with its quotation marks.
    package static func write(_ text: String, to buffer: inout ByteBuffer) { buffer.writeBytes(bytes(of: text)) }

    private static func bytes(of text: String) -> [UInt8] {
        var bytes: [UInt8] = [UInt8(ascii: "\"")]
        bytes.reserveCapacity(text.utf8.count + 2)
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
            case 0x0a: bytes += Array("\\n".utf8)
            case 0x0d: bytes += Array("\\r".utf8)
            case 0x09: bytes += Array("\\t".utf8)
            case 0..<0x20, 0x7f: bytes += Array("\\u00".utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
        return bytes
    }
}
