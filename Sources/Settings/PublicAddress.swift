/// How clients reach the server, as everything has it that names the server.
package struct PublicAddress: Sendable, Equatable {
    package enum Scheme: String, Sendable { case http, https }

    package let scheme: Scheme
    /// `HOST[:PORT]`, without the port where it is the scheme's own.
    package let host: String

    /// Why a text is not such an address, in one line.
    struct Problem: Error, CustomStringConvertible {
        let description: String
    }

    /// - Parameter url: `https://HOST[:PORT]`, with or without a final slash.
    init(url: String) throws(Problem) {
        guard let mark = url.firstRange(of: "://"), let scheme = Scheme(rawValue: url[..<mark.lowerBound].lowercased()) else {
            throw Problem(description: "'\(url)' is not https://HOST[:PORT] or http://HOST[:PORT]")
        }
        var place = String(url[mark.upperBound...])
        if place.hasSuffix("/") { place.removeLast() }
        guard !place.contains(where: { "/?#".contains($0) }) else {
            throw Problem(description: "'\(url)' has a path or a query: clients find the server at the root of its host")
        }
        try Self.check(place, in: url)
        self.scheme = scheme
        let usual = scheme == .https ? ":443" : ":80"
        host = place.hasSuffix(usual) ? String(place.dropLast(usual.count)) : place
    }

    /// The host's name or address in `HOST[:PORT]`. An IPv6 address loses its brackets.
    package static func name(in place: String) -> String {
        if place.hasPrefix("["), let end = place.firstIndex(of: "]") { return String(place[..<end].dropFirst()) }
        return String(place.prefix { $0 != ":" })
    }

    /// Throws if `place`, taken from `text`, is not `HOST[:PORT]`.
    static func check(_ place: String, in text: String) throws(Problem) {
        var name = place[...]
        if let colon = place.lastIndex(of: ":"), !place.hasSuffix("]") {
            guard let port = UInt16(place[place.index(after: colon)...]), port > 0 else {
                throw Problem(description: "'\(text)' has a port that is none: 1 to 65535")
            }
            name = place[..<colon]
        }
        let isAddress = name.first == "[" && name.last == "]"
        let letters = isAddress ? name.dropFirst().dropLast() : name
        guard !letters.isEmpty, letters.utf8.count <= 253, letters.utf8.allSatisfy({ isAddress ? isOfAddress($0) : isOfName($0) })
        else {
            throw Problem(description: "'\(text)' names no host")
        }
    }

    private static func isOfName(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"): true
        default: false
        }
    }

    private static func isOfAddress(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x46, 0x61...0x66, UInt8(ascii: ":"), UInt8(ascii: "."): true
        default: false
        }
    }
}
