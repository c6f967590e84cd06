import WeirText

/// An http or https URL on its way out, parsed once by a strict grammar.
///
/// The guard judges these parts, and the connection is made from these parts: no second parser reads the text and finds another
/// host. What two parsers could read in two ways is refused (user information, backslashes, percent signs in a host, numbers that
/// are addresses in disguise).
package struct OutboundURL: Hashable, Sendable, CustomStringConvertible {
    package enum Scheme: String, Sendable {
        case http, https

        var defaultPort: Int { self == .http ? 80 : 443 }
    }

    package let scheme: Scheme
    package let host: URLHost
    package let port: Int
    /// Begins with a slash; percent-encoded as it came.
    package let path: String
    /// Often holds a signature: never shown.
    package let query: String?

    /// Longer than any storage's signed link.
    static let maxBytes = 16 * 1024

    init(scheme: Scheme, host: URLHost, port: Int? = nil, path: String = "/", query: String? = nil) {
        self.scheme = scheme
        self.host = host
        self.port = port ?? scheme.defaultPort
        self.path = path
        self.query = query
    }

    package init(_ text: String) throws(URLRefusal) {
        guard text.utf8.count <= Self.maxBytes else { throw URLRefusal("is longer than \(Self.maxBytes) bytes") }
        let (schemeText, rest) = Self.cut(Self.ascii(text), at: "://")
        guard let rest else { throw URLRefusal("is no absolute URL") }
        guard let scheme = Scheme(rawValue: schemeText.lowercased()) else {
            throw URLRefusal("is neither http nor https")
        }
        let authorityEnd = rest.firstIndex { "/?#\\".contains($0) } ?? rest.endIndex
        let (host, port) = try Self.authority(rest[..<authorityEnd], scheme: scheme)
        let (path, query) = try Self.target(rest[authorityEnd...])
        self.init(scheme: scheme, host: host, port: port, path: path.isEmpty ? "/" : path, query: query)
        guard self.path.hasPrefix("/") else { throw URLRefusal("has a path that does not begin with a slash") }
        try checkLength()
    }

    /// Checks the URL as it is sent: percent-encoding may have made it longer.
    private func checkLength() throws(URLRefusal) {
        guard wire.utf8.count <= Self.maxBytes else { throw URLRefusal("is longer than \(Self.maxBytes) bytes") }
    }

    var origin: Origin { Origin(scheme: scheme, host: host, port: port) }

    /// The whole URL with its query, for the connection alone.
    package var wire: String { origin.description + path + (query.map { "?" + $0 } ?? "") }

    /// Without the query.
    package var description: String { origin.description + path }

    /// Where a `Location` found in this URL's answer leads (RFC 3986, 5.2).
    package func resolving(_ location: String) throws(URLRefusal) -> OutboundURL {
        guard location.utf8.count <= Self.maxBytes else { throw URLRefusal("is longer than \(Self.maxBytes) bytes") }
        if Self.hasScheme(location) { return try OutboundURL(location) }
        if location.hasPrefix("//") { return try OutboundURL("\(scheme.rawValue):\(location)") }
        let (path, query) = try Self.target(Self.ascii(location)[...])
        var whole = path
        if path.isEmpty {
            whole = self.path
        } else if !path.hasPrefix("/") {
            whole = self.path[...(self.path.lastIndex(of: "/") ?? self.path.startIndex)] + path
        }
        let resolved = OutboundURL(
            scheme: scheme, host: host, port: port, path: Self.withoutDots(whole),
            query: query ?? (path.isEmpty ? self.query : nil))
        try resolved.checkLength()
        return resolved
    }

    /// This URL's path, made longer; the query goes.
    func appending(_ suffix: String) -> OutboundURL {
        let base = path.hasSuffix("/") ? String(path.dropLast()) : path
        return OutboundURL(scheme: scheme, host: host, port: port, path: base + suffix)
    }

    /// This URL with another query, percent-encoded as it came.
    func with(query: String) -> OutboundURL { OutboundURL(scheme: scheme, host: host, port: port, path: path, query: query) }

    /// This URL with more in its query, values percent-encoded.
    package func adding(_ items: [(name: String, value: String)]) -> OutboundURL {
        let added = items.map { "\($0.name)=\(Self.encoded($0.value))" }
        return OutboundURL(
            scheme: scheme, host: host, port: port, path: path,
            query: ([query].compactMap { $0 }.filter { !$0.isEmpty } + added).joined(separator: "&"))
    }
}

// MARK: Reading

extension OutboundURL {
    /// Percent-encodes all that is not ASCII, before anything is searched for. To Swift a `?` with a combining accent is another
    /// character than `?`; a server that reads the bytes sees a `?`.
    private static func ascii(_ text: String) -> String {
        text.utf8.allSatisfy { $0 < 0x80 } ? text : PercentCoding.encoded(text.utf8) { $0 < 0x80 }
    }

    private static func hasScheme(_ text: String) -> Bool {
        guard let colon = text.firstIndex(of: ":") else { return false }
        return !text[..<colon].contains { "/?#".contains($0) }
    }

    private static func cut(_ text: String, at mark: String) -> (String, Substring?) {
        var index = text.startIndex
        while index < text.endIndex {
            if text[index...].hasPrefix(mark) {
                return (String(text[..<index]), text[text.index(index, offsetBy: mark.count)...])
            }
            index = text.index(after: index)
        }
        return (text, nil)
    }

    private static func authority(
        _ text: Substring, scheme: Scheme
    ) throws(URLRefusal) -> (URLHost, Int?) {
        if text.contains("@") { throw URLRefusal("carries user information") }
        var host = text
        var port: Substring?
        if text.hasPrefix("["), let close = text.firstIndex(of: "]") {
            host = text[...close]
            let after = text[text.index(after: close)...]
            if !after.isEmpty {
                guard after.hasPrefix(":") else { throw URLRefusal("has an unreadable host") }
                port = after.dropFirst()
            }
        } else if let colon = text.lastIndex(of: ":") {
            host = text[..<colon]
            port = text[text.index(after: colon)...]
        }
        guard let port, !port.isEmpty else { return (try URLHost(host), nil) }
        guard port.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let number = Int(port), (1...65535).contains(number)
        else { throw URLRefusal("has an unreadable port") }
        return (try URLHost(host), number)
    }

    /// Path and query, without the fragment. What a request line cannot hold is percent-encoded. What could end the line, or be
    /// read as a slash, is refused.
    private static func target(_ text: Substring) throws(URLRefusal) -> (path: String, query: String?) {
        guard text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f && $0 != 0x5c }) else {
            throw URLRefusal("has control characters or backslashes")
        }
        let bare = text.prefix { $0 != "#" }
        let path = bare.prefix { $0 != "?" }
        let query = path.endIndex < bare.endIndex ? bare[bare.index(after: path.endIndex)...] : nil
        return (tidied(path), query.map(tidied))
    }

    private static func tidied(_ text: Substring) -> String { PercentCoding.encoded(text.utf8, keeping: isUsual) }

    static func encoded(_ value: String) -> String { PercentCoding.encoded(value.utf8) }

    /// RFC 3986's pchar, `/`, `?` and `%`.
    private static func isUsual(_ byte: UInt8) -> Bool {
        PercentCoding.isUnreserved(byte) || "!$&'()*+,;=:@/?%".utf8.contains(byte)
    }

    private static func withoutDots(_ path: String) -> String {
        var kept: [Substring] = []
        let parts = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        for (index, part) in parts.enumerated() {
            let isLast = index == parts.count - 1
            switch part {
            case ".": if isLast { kept.append("") }
            case "..":
                _ = kept.popLast()
                if isLast { kept.append("") }
            default: kept.append(part)
            }
        }
        return "/" + kept.joined(separator: "/")
    }
}

/// Scheme, host and port: what a login is bound to.
struct Origin: Hashable, Sendable, CustomStringConvertible {
    let scheme: OutboundURL.Scheme
    let host: URLHost
    let port: Int

    var description: String { "\(scheme.rawValue)://\(authority)" }
    /// As the `Host` header says it.
    var authority: String { "\(host)" + (port == scheme.defaultPort ? "" : ":\(port)") }
}

/// Why a URL is refused. `reason` ends a sentence: "the URL …". It never repeats the text, which may hold a secret.
package struct URLRefusal: Error, Equatable {
    package let reason: String

    init(_ reason: String) { self.reason = reason }
}
