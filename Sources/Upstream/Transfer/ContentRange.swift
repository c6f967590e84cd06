import WeirCore

/// A 206's `Content-Range: bytes 5-9/10` (RFC 9110, 14.4).
///
/// Its numbers come from a stranger. Each is a bounded `ByteCount`, so arithmetic on them is safe.
package struct ContentRange: Equatable {
    /// The bytes that come. Never empty.
    package let range: Range<Int64>
    /// The size of the whole in bytes; nil for `*`.
    package let size: Int64?

    /// Nil unless the header is a well-formed, satisfied range in bytes.
    package init?(_ header: String) {
        let words = header.split(separator: " ", omittingEmptySubsequences: true)
        guard words.count == 2, words[0].lowercased() == "bytes" else { return nil }
        let halves = words[1].split(separator: "/", omittingEmptySubsequences: false)
        guard halves.count == 2 else { return nil }
        let ends = halves[0].split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2, let first = ByteCount(digits: ends[0]), let last = ByteCount(digits: ends[1]), first <= last,
            last.bytes < ByteCount.limit
        else { return nil }
        if halves[1] == "*" {
            size = nil
        } else {
            guard let size = ByteCount(digits: halves[1]), last < size else { return nil }
            self.size = size.bytes
        }
        range = Range(first.bytes...last.bytes)
    }

    package var first: Int64 { range.lowerBound }
    package var count: Int64 { range.upperBound - range.lowerBound }
}
