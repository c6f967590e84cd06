/// A number of bytes as somebody else told it: a descriptor's size, a length, an offset.
///
/// It is made where the number is parsed, and then known not to be negative and to be small enough that what is computed from a
/// few of them cannot overflow. Sums of any number of them saturate (`adding`).
package struct ByteCount: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// 2^53: eight pebibytes, more than there is of anything, and exact in every JSON reader.
    package static let limit: Int64 = 1 << 53
    /// ECR's quota "Layer size": what a client may push.
    package static let largestLayer: Int64 = 52_000 * 1_048_576

    /// 0 to `limit`.
    package let bytes: Int64

    /// Nil for what is negative or beyond `limit`.
    package init?(_ bytes: Int64) {
        guard (0...Self.limit).contains(bytes) else { return nil }
        self.bytes = bytes
    }

    /// Nil for what is not decimal digits and nothing else, and for what is beyond `limit`.
    package init?(digits text: some StringProtocol) {
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let bytes = Int64(text) else { return nil }
        self.init(bytes)
    }

    /// The nearest there is: for numbers that nobody checked when they were written down.
    package init(clamping bytes: Int64) { self.bytes = min(max(bytes, 0), Self.limit) }

    package static func < (left: Self, right: Self) -> Bool { left.bytes < right.bytes }
    package var description: String { "\(bytes)" }
}
