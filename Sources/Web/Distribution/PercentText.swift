import WeirText

/// Percent-encoded text of paths and queries (RFC 3986, 2.1).
enum PercentText {
    /// A path's segment, decoded once. Refuses a segment that not every reader would take for the same path.
    static func segment(_ raw: Substring) throws(DistributionPath.Problem) -> String {
        let text: String
        if raw.utf8.contains(UInt8(ascii: "%")) {
            guard let decoded = decoded(raw) else { throw .trick("a percent escape is broken") }
            text = decoded
        } else {
            text = String(raw)
        }
        guard text != "..", text != "." else { throw .trick("a segment is '\(text)'") }
        guard !text.utf8.contains(where: { $0 == 0 || $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "\\") }) else {
            throw .trick("a segment holds a slash or a NUL")
        }
        return text
    }

    /// Nil where an escape is broken or the bytes are not UTF-8.
    static func decoded(_ raw: some StringProtocol) -> String? {
        PercentCoding.decoded(Array(raw.utf8)).flatMap { String(validating: $0, as: UTF8.self) }
    }

    /// Escapes everything but RFC 3986's unreserved characters.
    static func encoded(_ text: String) -> String { PercentCoding.encoded(text.utf8) }
}

/// The parameters of a query, decoded.
struct QueryParameters {
    /// Parameters beyond this number are ignored. No request of this API has a tenth of them, and a link's parameters are read
    /// before its signature is verified.
    private static let most = 1_000

    private var values: [String: [String]] = [:]

    init(_ raw: String) {
        guard !raw.isEmpty else { return }
        for pair in raw.split(separator: "&", maxSplits: Self.most).prefix(Self.most) {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = PercentText.decoded(parts[0]) else { continue }
            let value = parts.count > 1 ? PercentText.decoded(parts[1]) : ""
            if let value { values[name, default: []].append(value) }
        }
    }

    /// Of several parameters with this name, the first.
    subscript(_ name: String) -> String? { values[name]?.first }

    func all(_ name: String) -> [String] { values[name] ?? [] }
}
