import WeirCore

/// A number of bytes as people write it: `500000000`, `750MB`, `20GiB`, `1.5TB`.
struct ByteSize: Sendable, Equatable {
    let bytes: Int64

    private static let units: [(name: String, bytes: Double)] = {
        let letters = ["K", "M", "G", "T", "P"]
        let binary = letters.enumerated().map { ("\($1)IB", Double(Int64(1) << (10 * Int64($0 + 1)))) }
        let decimal = zip(letters, [1e3, 1e6, 1e9, 1e12, 1e15]).map { ("\($0)B", $1) }
        // Longer suffixes first: `GIB` also ends with `B`.
        return binary + decimal + [("B", 1)]
    }()

    /// Nil where the text is no such number, or is more than `ByteCount` takes.
    init?(_ text: String) {
        let text = text.uppercased().filter { $0 != " " }
        let unit = Self.units.first { text.hasSuffix($0.name) }
        guard let number = Double(text.dropLast(unit?.name.count ?? 0)), number.isFinite, number >= 0,
            let size = ByteCount(Int64(saturating: number * (unit?.bytes ?? 1)))
        else { return nil }
        bytes = size.bytes
    }
}
