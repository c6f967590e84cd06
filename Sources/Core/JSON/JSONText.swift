package import NIOCore
import WeirText

/// JSON strings, as every door, log and event writes them. Escapes control characters, quotation marks and backslashes;
/// everything else stays as it is.
package enum JSONText {
    package static func quoted(_ text: String) -> String { String(decoding: bytes(of: text), as: UTF8.self) }

    /// `quoted` for a log that is shown in a terminal: also escapes invisible characters and those that change the writing
    /// direction. A JSON reader gets the same text back.
    package static func quotedForTerminal(_ text: String) -> String {
        let text = quoted(text)
        guard text.unicodeScalars.contains(where: LogText.isHidden) else { return text }
        // Every hidden character beyond ASCII fits four hexadecimal digits.
        return text.unicodeScalars.map { LogText.isHidden($0) ? "\\u\($0.value.padded(to: 4, radix: 16))" : String($0) }
            .joined()
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
            case 0..<0x20, 0x7f: bytes += Array("\\u00\(Hex.encode([byte]))".utf8)
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
        return bytes
    }
}
