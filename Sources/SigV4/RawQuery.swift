import WeirText

/// A query as sent: names and values decoded, order and duplicates kept.
struct RawQuery {
    /// More than any call has. Bounds the parsing and sorting, which happen before the caller is authenticated.
    static let mostItems = 1_000

    let items: [(name: [UInt8], value: [UInt8])]

    init(_ raw: String) {
        // The item after the last one that counts holds the rest unsplit: it only shows that there are too many.
        items = raw.utf8.split(separator: UInt8(ascii: "&"), maxSplits: Self.mostItems).map { item in
            let name = item.prefix { $0 != UInt8(ascii: "=") }
            return (Self.decoded(name), Self.decoded(item.dropFirst(name.count + 1)))
        }
    }

    func value(_ name: String) -> String? {
        let name = Array(name.utf8)
        return items.first { $0.name == name }.map { String(decoding: $0.value, as: UTF8.self) }
    }

    /// Sorted by encoded name, then value; everything but the unreserved characters is encoded. Other encodings of the same text
    /// (`%2f`, `%41`) become equal, as at AWS.
    func canonical(without excluded: String?) -> String {
        let excluded = excluded.map { Array($0.utf8) }
        let pairs = items.filter { $0.name != excluded }.map {
            (URIEncoding.encoded($0.name), URIEncoding.encoded($0.value))
        }
        return pairs.sorted { $0 < $1 }.map { "\($0.0)=\($0.1)" }.joined(separator: "&")
    }

    static func trimmed(_ text: Substring) -> String {
        let isSpace = { (character: Character) in character == " " || character == "\t" }
        return String(String(text.drop(while: isSpace).reversed()).drop(while: isSpace).reversed())
    }

    /// `%41` becomes `A`; a broken escape stays as it is. A `+` is a plus: AWS clients send a space as `%20`.
    private static func decoded(_ text: some Collection<UInt8>) -> [UInt8] { PercentCoding.decoded(text, broken: .kept) ?? [] }
}

/// SigV4's percent-encoding: RFC 3986's unreserved characters stay, the rest is encoded with capital digits.
enum URIEncoding {
    static func encoded(_ bytes: some Sequence<UInt8>, keepingSlashes: KeepSlashes = .no) -> String {
        PercentCoding.encoded(bytes) {
            PercentCoding.isUnreserved($0) || (keepingSlashes == .yes && $0 == UInt8(ascii: "/"))
        }
    }

    enum KeepSlashes { case yes, no }
}
