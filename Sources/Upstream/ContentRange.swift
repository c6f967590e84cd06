/// A 206's `Content-Range: bytes 5-9/10` (RFC 9110, 14.4).
package struct ContentRange: Equatable {
    package let first: Int64
    package let last: Int64
    /// Nil for `*`.
    package let size: Int64?

    /// Nil for whatever is not a satisfied range in bytes that makes sense.
    package init?(_ header: String) {
        let words = header.split(separator: " ", omittingEmptySubsequences: true)
        guard words.count == 2, words[0].lowercased() == "bytes" else { return nil }
        let halves = words[1].split(separator: "/", omittingEmptySubsequences: false)
        guard halves.count == 2 else { return nil }
        let ends = halves[0].split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2, let first = Self.number(ends[0]), let last = Self.number(ends[1]), first <= last else {
            return nil
        }
        if halves[1] == "*" {
            size = nil
        } else {
            guard let size = Self.number(halves[1]), last < size else { return nil }
            self.size = size
        }
        self.first = first
        self.last = last
    }

    private static func number(_ text: Substring) -> Int64? {
        text.utf8.allSatisfy { $0 >= 0x30 && $0 <= 0x39 } ? Int64(text) : nil
    }
}
