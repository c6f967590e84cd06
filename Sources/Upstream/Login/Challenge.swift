/// One challenge of a `WWW-Authenticate` header (RFC 9110, 11.6.1).
///
/// One header may carry several challenges, and several headers may come; commas separate both challenges and their parameters,
/// and stand inside quoted strings. So it is read byte by byte, not split. Some registries leave the quotes out where the grammar
/// wants them (`realm=https://cp.icr.io/oauth/token, service=registry`): such a value ends at a comma or a blank.
package struct Challenge: Hashable, Sendable {
    /// Lower case.
    package let scheme: String
    /// Names in lower case. Where a name comes twice the first counts.
    package let parameters: [String: String]

    package init(scheme: String, parameters: [String: String]) {
        self.scheme = scheme
        self.parameters = parameters
    }

    /// The challenges in `header`, in order. Parsing stops at the first syntax error: what follows cannot be trusted.
    package static func parse(_ header: String) -> [Challenge] {
        var reader = Reader(bytes: Array(header.utf8.prefix(Self.maxBytes)))
        var challenges: [Challenge] = []
        while let challenge = reader.challenge() { challenges.append(challenge) }
        return challenges
    }

    /// More than any honest challenge needs.
    private static let maxBytes = 8 * 1024

    private struct Reader {
        let bytes: [UInt8]
        var position = 0

        var current: UInt8? { position < bytes.count ? bytes[position] : nil }

        mutating func challenge() -> Challenge? {
            skipSpacesAndCommas()
            guard let scheme = token() else { return nil }
            var parameters: [String: String] = [:]
            // A scheme alone, such as "Negotiate", may be followed by a comma at once.
            guard let next = current, isSpace(next) else {
                return current == nil || current == UInt8(ascii: ",")
                    ? Challenge(scheme: scheme.lowercased(), parameters: [:]) : nil
            }
            skipSpaces()
            if skipToken68() { return Challenge(scheme: scheme.lowercased(), parameters: [:]) }
            while true {
                let start = position
                skipSpacesAndCommas()
                guard let (name, value) = parameter() else {
                    // The next challenge begins here, or the header ends: the caller looks.
                    position = start
                    break
                }
                if parameters[name] == nil { parameters[name] = value }
                let end = position
                skipSpaces()
                guard current == UInt8(ascii: ",") || (position > end && current != nil) else { break }
            }
            return Challenge(scheme: scheme.lowercased(), parameters: parameters)
        }

        private mutating func parameter() -> (String, String)? {
            guard let name = token() else { return nil }
            skipSpaces()
            guard current == UInt8(ascii: "=") else { return nil }
            position += 1
            skipSpaces()
            guard let value = current == UInt8(ascii: "\"") ? quoted() : unquoted() else { return nil }
            return (name.lowercased(), value)
        }

        private mutating func token() -> String? {
            let start = position
            while let byte = current, isTokenByte(byte) { position += 1 }
            return start == position ? nil : String(decoding: bytes[start..<position], as: UTF8.self)
        }

        private mutating func unquoted() -> String? {
            let start = position
            while let byte = current, byte > 0x20, byte < 0x7f, byte != UInt8(ascii: ","), byte != UInt8(ascii: "\"") {
                position += 1
            }
            return start == position ? nil : String(decoding: bytes[start..<position], as: UTF8.self)
        }

        private mutating func quoted() -> String? {
            position += 1
            var value: [UInt8] = []
            while let byte = current {
                position += 1
                switch byte {
                case UInt8(ascii: "\""): return String(decoding: value, as: UTF8.self)
                case UInt8(ascii: "\\"):
                    guard let escaped = current else { return nil }
                    position += 1
                    value.append(escaped)
                default: value.append(byte)
                }
            }
            return nil
        }

        /// `Negotiate TlRMTVNTUAAC…=`: base64 in the place of parameters.
        private mutating func skipToken68() -> Bool {
            let start = position
            while let byte = current, isTokenByte(byte) || byte == UInt8(ascii: "/") { position += 1 }
            let isEmpty = start == position
            while current == UInt8(ascii: "=") { position += 1 }
            skipSpaces()
            if !isEmpty, current == nil || current == UInt8(ascii: ",") { return true }
            // No token68: in "name=value" something follows the equals sign.
            position = start
            return false
        }

        private mutating func skipSpaces() { while let byte = current, isSpace(byte) { position += 1 } }

        private mutating func skipSpacesAndCommas() {
            while let byte = current, isSpace(byte) || byte == UInt8(ascii: ",") { position += 1 }
        }

        private func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

        private func isTokenByte(_ byte: UInt8) -> Bool {
            (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a)
                || "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }
}
