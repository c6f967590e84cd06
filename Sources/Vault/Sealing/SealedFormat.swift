// A sealed blob in the blob store. Version 2.
//
//     ┌───────────────────┬───────────────────┬───────────────────┬─ ─ ─┬─────────────────────┐
//     │ header, 512 bytes │ segment 0         │ segment 1         │     │ the last segment    │
//     │                   │ 28 + 65,536 bytes │ 28 + 65,536 bytes │     │ 28 + 0…65,536 bytes │
//     └───────────────────┴───────────────────┴───────────────────┴─ ─ ─┴─────────────────────┘
//
//     header   0  "WEIR"
//              4  version, 2
//              5  cipher, 1: AES-256-GCM in segments of 64 KiB
//              6  length of the scope (one byte), the scope: `SealingKey.scope`, ASCII
//                 length of the wrapped data key (two bytes, big-endian), the wrapped data key
//                 binding (16 bytes): zeros until the blob is whole, then an AES-256-GCM tag of nothing under the blob's data key
//                   nonce 12 bytes of 0xff, which no segment has
//                   authenticated besides  "WEIR", version, cipher, 2, the digest as text
//                 zeros up to 512
//
//     segment  nonce (12 bytes: 4 zeros, segment number as 8 bytes big-endian), ciphertext, tag (16 bytes):
//              AES-256-GCM under the blob's own data key
//              authenticated besides  "WEIR", version, cipher, 1 if this is the last segment else 0, segment number
//
// The nonce could be computed and need not be stored. It is stored because swift-crypto opens this form with one copy less, which
// is half as fast again.
//
// This lets any range be opened by itself, and detects a changed bit, a swapped segment and a file that was cut short at any
// byte. Every byte of the header is checked as well. An empty blob is one empty last segment; only an empty blob has one. The
// binding, checked when a blob is opened, detects a whole blob under the same key that lies in the place of another one.
//
// Version 1 has no binding, and is otherwise the same; such blobs can still be read. The version is authenticated with each
// segment, so that a blob of one version cannot pass as the other.
//
// The nonce is a counter because a data key seals one blob, once (`SegmentSealer`).

import WeirCore

package enum SealedFormat {
    package static let segmentSize = 64 * 1024
    static let nonceSize = 12
    static let tagSize = 16
    /// How many bytes sealing adds to a segment.
    package static let segmentOverhead = nonceSize + tagSize
    package static let sealedSegmentSize = segmentSize + segmentOverhead
    package static let headerSize = 512

    static let magic: [UInt8] = Array("WEIR".utf8)
    static let cipher: UInt8 = 1

    enum Version: UInt8 {
        /// Without a binding. Only read.
        case first = 1
        case bound = 2

        static let current = bound
    }

    static let bindingSize = tagSize

    /// The number of segments of a blob of `plainSize` bytes: at least one.
    package static func segmentCount(ofPlainSize plainSize: Int64) -> Int64 {
        plainSize == 0 ? 1 : (plainSize + Int64(segmentSize) - 1) / Int64(segmentSize)
    }

    /// The size of the sealed file for `plainSize` bytes.
    package static func fileSize(ofPlainSize plainSize: Int64) -> Int64 {
        Int64(headerSize) + plainSize + segmentCount(ofPlainSize: plainSize) * Int64(segmentOverhead)
    }

    /// The plain size of a sealed file of `fileSize` bytes; nil if no sealed file has that size.
    package static func plainSize(ofFileSize fileSize: Int64) -> Int64? {
        guard fileSize >= Int64(headerSize + segmentOverhead) else { return nil }
        let body = fileSize - Int64(headerSize)
        let (full, rest) = body.quotientAndRemainder(dividingBy: Int64(sealedSegmentSize))
        if rest == 0 { return full * Int64(segmentSize) }
        // Only an empty blob ends with an empty segment.
        guard rest > Int64(segmentOverhead) || full == 0 else { return nil }
        return full * Int64(segmentSize) + rest - Int64(segmentOverhead)
    }

    /// The segment that holds the plain byte at `offset`.
    package static func segment(ofPlainOffset offset: Int64) -> Int64 { offset / Int64(segmentSize) }

    /// Where a segment begins in the file.
    package static func fileOffset(ofSegment segment: Int64) -> Int64 {
        Int64(headerSize) + segment * Int64(sealedSegmentSize)
    }

    /// The segments that hold the plain bytes of `range`, which must lie inside the blob. An empty range needs none. Exception:
    /// of an empty blob, the one empty segment must be opened, to verify that the blob is whole.
    package static func segments(forPlain range: Range<Int64>, plainSize: Int64) -> Range<Int64> {
        if plainSize == 0 { return 0..<1 }
        if range.isEmpty {
            let first = segment(ofPlainOffset: range.lowerBound)
            return first..<first
        }
        return segment(ofPlainOffset: range.lowerBound)..<(segment(ofPlainOffset: range.upperBound - 1) + 1)
    }

    /// The file's bytes that hold the plain bytes of `range`: whole segments.
    package static func sealedRange(forPlain range: Range<Int64>, plainSize: Int64) -> Range<Int64> {
        sealedRange(ofSegments: segments(forPlain: range, plainSize: plainSize), plainSize: plainSize)
    }

    /// The file's bytes that these segments occupy.
    package static func sealedRange(ofSegments segments: Range<Int64>, plainSize: Int64) -> Range<Int64> {
        let end = fileSize(ofPlainSize: plainSize)
        return fileOffset(ofSegment: segments.lowerBound)..<min(fileOffset(ofSegment: segments.upperBound), end)
    }

    /// The number of plain bytes in a segment.
    package static func plainSize(ofSegment segment: Int64, plainSize: Int64) -> Int {
        Int(min(Int64(segmentSize), plainSize - segment * Int64(segmentSize)))
    }

    /// The data that is authenticated with a segment.
    static func authenticated(segment: Int64, isLast: Bool, _ version: Version) -> [UInt8] {
        var bytes = magic
        bytes.reserveCapacity(16)
        bytes.append(version.rawValue)
        bytes.append(cipher)
        bytes.append(isLast ? 1 : 0)
        bytes.append(bigEndian: UInt64(bitPattern: segment))
        return bytes
    }

    /// The data that a blob's binding authenticates: its digest. The size is left out on purpose, so that a file that was cut
    /// short is reported as such and not as another blob.
    static func authenticated(digest: Digest) -> [UInt8] {
        magic + [Version.bound.rawValue, cipher, 2] + Array(digest.description.utf8)
    }

    /// Distinct from every segment's nonce: segments count up from zero and never reach it.
    static let bindingNonce = [UInt8](repeating: 0xff, count: nonceSize)

    static func nonce(segment: Int64) -> [UInt8] {
        var bytes: [UInt8] = [0, 0, 0, 0]
        bytes.reserveCapacity(12)
        bytes.append(bigEndian: UInt64(bitPattern: segment))
        return bytes
    }
}

extension [UInt8] {
    mutating func append(bigEndian number: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: number.bigEndian) { append(contentsOf: $0) }
    }
}
