import NIOCore
import Synchronization
import WeirCore
import WeirVault

/// A blob's open content, shared by all who read it at the same time.
///
/// A hundred nodes that pull one image read the same bytes, one soon after the other: the first reads and opens a part, and the
/// others take it from memory. A reader that is alone leaves nothing in memory.
final class OpenContent: Sendable {
    let content: BlobContent
    private let parts = OpenedParts()
    private let readers = Atomic(0)

    init(_ content: BlobContent) { self.content = content }

    /// Adds a reader, until `leave`.
    func join() { readers.add(1, ordering: .relaxed) }

    func leave() {
        readers.subtract(1, ordering: .relaxed)
        forgetParts()
    }

    /// Drops the opened parts, where fewer than two readers are left to share them.
    func forgetParts() {
        if readers.load(ordering: .relaxed) < 2 { parts.clear() }
    }

    /// Up to `count` bytes from `offset`; fewer where a part ends, none at the end of the blob.
    func read(at offset: Int64, upTo count: Int) async throws -> ByteBuffer {
        guard let size = content.size else { throw SealError.damaged }
        return try await read(at: offset, upTo: count, readable: size, size: size, isShared: false)
    }

    /// - Parameters:
    ///   - readable: how many plain bytes have landed.
    ///   - size: plain bytes in the whole blob, or `BlobContent.unfinished`.
    /// - isShared: another reader is expected to want the same bytes, besides those who have joined.
    func read(
        at offset: Int64, upTo count: Int, readable: Int64, size: Int64, isShared: Bool
    ) async throws -> ByteBuffer {
        let count = Int(min(Int64(count), max(0, readable - offset)))
        guard isShared || readers.load(ordering: .relaxed) > 1, content.opener != nil, count > 0 else {
            return try await content.read(at: offset, upTo: count, size: size)
        }
        if let known = parts.part(at: offset, upTo: count) { return known }
        guard let range = OpenedParts.range(around: offset, upTo: count, readable: readable, isWhole: readable == size)
        else { return try await content.read(at: offset, upTo: count, size: size) }
        let bytes = try await content.read(at: range.lowerBound, upTo: range.count, size: size)
        parts.keep(bytes, from: range.lowerBound)
        return bytes.slice(from: Int(offset - range.lowerBound), upTo: count)
    }
}

extension ByteBuffer {
    /// Up to `count` readable bytes, from the one at `offset` on.
    func slice(from offset: Int, upTo count: Int) -> ByteBuffer {
        getSlice(at: readerIndex + offset, length: min(count, readableBytes - offset)) ?? ByteBuffer()
    }
}
