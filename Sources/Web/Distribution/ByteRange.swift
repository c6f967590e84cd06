import WeirCore

/// The part of a blob that a `Range` header asks for (RFC 9110, 14.2).
package enum ByteRange: Equatable, Sendable {
    /// No range, or one that a server may ignore: several at once, another unit, text that is not a range.
    case whole
    case part(Range<Int64>)
    /// It begins after the end.
    case unsatisfiable

    package init(_ header: String?, size: Int64) {
        guard let header, header.hasPrefix("bytes="), !header.contains(",") else {
            self = .whole
            return
        }
        let parts = header.dropFirst(6).split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
            .map { String($0).trimmed }
        guard parts.count == 2 else {
            self = .whole
            return
        }
        switch (Self.number(parts[0]), Self.number(parts[1])) {
        case (.absent, .number(let count)):
            self = count == 0 || size == 0 ? .unsatisfiable : .part(max(0, size - count)..<size)
        case (.number(let first), .absent):
            self = first < size ? .part(first..<size) : .unsatisfiable
        case (.number(let first), .number(let last)):
            // A range that ends before it begins is invalid. RFC 9110, 14.2 allows to refuse it, and the conformance tests of the
            // OCI distribution specification expect that.
            self = first <= last && first < size ? .part(first..<min(size, last.adding(1))) : .unsatisfiable
        default:
            self = .whole
        }
    }

    private enum Bound { case absent, number(Int64), malformed }

    /// A number with too many digits counts as one beyond every blob.
    private static func number(_ text: String) -> Bound {
        if text.isEmpty { return .absent }
        guard text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else { return .malformed }
        return .number(Int64(text) ?? .max)
    }
}

/// The place of a chunk in an upload: `Content-Range: <first>-<last>` (OCI 1.1, "Pushing a blob in chunks": both ends inclusive).
/// Clients that follow RFC 9110 write `bytes <first>-<last>/<size>`; both forms are read.
package struct ChunkRange: Equatable, Sendable {
    package let first: Int64
    package let last: Int64

    package init?(_ header: String) {
        var text = header.trimmed[...]
        if text.hasPrefix("bytes ") || text.hasPrefix("bytes=") { text = text.dropFirst(6) }
        let parts = text.prefix { $0 != "/" }.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, let first = ByteCount(digits: parts[0]), let last = ByteCount(digits: parts[1]), first <= last
        else { return nil }
        self.first = first.bytes
        self.last = last.bytes
    }

    package var count: Int64 { Int64((first...last).count) }
}

extension String {
    fileprivate var trimmed: String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
