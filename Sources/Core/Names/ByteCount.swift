/// A number of bytes that a client or an upstream sent: a descriptor's size, a length, an offset.
///
/// It is made where the number is parsed. From then on it is at least 0, and small enough that arithmetic on a few of them cannot
/// overflow. Sums of many saturate (`adding`).
package struct ByteCount: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// 2^53: 8 PiB, above any real size, and exact in every JSON reader.
    package static let limit: Int64 = 1 << 53
    /// ECR's quota "Layer size": the largest layer that a client may push.
    package static let largestLayer: Int64 = 52_000 * 1_048_576

    /// 0 to `limit`.
    package let bytes: Int64

    /// Nil if negative or above `limit`.
    package init?(_ bytes: Int64) {
        guard (0...Self.limit).contains(bytes) else { return nil }
        self.bytes = bytes
    }

    /// Nil unless the text is decimal digits only, and at most `limit`.
    package init?(digits text: some StringProtocol) {
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let bytes = Int64(text) else { return nil }
        self.init(bytes)
    }

    /// The nearest valid count: for stored numbers that were not checked when they were written.
    package init(clamping bytes: Int64) { self.bytes = min(max(bytes, 0), Self.limit) }

    package static func < (left: Self, right: Self) -> Bool { left.bytes < right.bytes }
    package var description: String { "\(bytes)" }
}
