package import NIOCore
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

/// The parts of one blob that were opened last: at most 4 MiB for each blob, and 32 MiB for all.
package final class OpenedParts: Sendable {
    private static let capacity = 4 << 20
    private static let capacityOfAll = 32 << 20
    private static let heldOfAll = Atomic(0)

    private struct Part {
        let offset: Int64
        let bytes: ByteBuffer
    }

    private struct State {
        var parts: CircularBuffer<Part> = []
        var held = 0
    }

    private let state = Mutex(State())

    package init() {}

    deinit { clear() }

    /// The part that a reader of `count` bytes from `offset` opens for all readers. Its size is the largest power of two that is
    /// not more than `count`, and a segment at least. It begins at a multiple of its size, so that all readers have the same
    /// parts. Nil where it has not landed yet.
    package static func range(around offset: Int64, upTo count: Int, readable: Int64, isWhole: Bool) -> Range<Int64>? {
        let size = Int64(max(SealedFormat.segmentSize, 1 << (Int.bitWidth - 1 - count.leadingZeroBitCount)))
        let start = offset / size * size
        let end = isWhole ? min(readable, start + size) : start + size
        return end <= readable ? start..<end : nil
    }

    package func part(at offset: Int64, upTo count: Int) -> ByteBuffer? {
        state.withLock { state in
            let part = state.parts.last { $0.offset <= offset && offset < $0.offset + Int64($0.bytes.readableBytes) }
            return part.map { $0.bytes.slice(from: Int(offset - $0.offset), upTo: count) }
        }
    }

    package func keep(_ bytes: ByteBuffer, from offset: Int64) {
        state.withLock { state in
            guard !state.parts.contains(where: { $0.offset == offset && $0.bytes.readableBytes >= bytes.readableBytes }) else {
                return
            }
            while state.held + bytes.readableBytes > Self.capacity, dropOldest(&state) {}
            while Self.heldOfAll.load(ordering: .relaxed) + bytes.readableBytes > Self.capacityOfAll {
                guard dropOldest(&state) else { return }
            }
            state.parts.append(Part(offset: offset, bytes: bytes))
            state.held += bytes.readableBytes
            Self.heldOfAll.add(bytes.readableBytes, ordering: .relaxed)
        }
    }

    package func clear() {
        state.withLock { state in while dropOldest(&state) {} }
    }

    private func dropOldest(_ state: inout State) -> Bool {
        guard let part = state.parts.popFirst() else { return false }
        state.held -= part.bytes.readableBytes
        Self.heldOfAll.subtract(part.bytes.readableBytes, ordering: .relaxed)
        return true
    }
}

/// The stored blobs that are being read.
final class OpenBlobs: Sendable {
    private struct Entry: Sendable {
        weak let content: OpenContent?
        let storedAt: Timestamp?
    }

    private struct State {
        var entries: [BlobLocation: Entry] = [:]
        /// At this number of entries, those whose content is no longer read are dropped.
        var limit = 64
    }

    private let state = Mutex(State())

    /// The open content of the bytes that were stored at that moment.
    func content(in location: BlobLocation, storedAt: Timestamp?) -> OpenContent? {
        state.withLock { $0.entries[location].flatMap { $0.storedAt == storedAt ? $0.content : nil } }
    }

    /// Makes the next reader open the place anew, instead of joining those who read it now.
    func forget(_ location: BlobLocation) { state.withLock { $0.entries[location] = nil } }

    /// Lets later readers join the content. Returns the other one where two readers opened it at the same time.
    func share(_ content: BlobContent, in location: BlobLocation, storedAt: Timestamp?) -> OpenContent {
        let new = OpenContent(content)
        return state.withLock { state in
            if let entry = state.entries[location], entry.storedAt == storedAt, let present = entry.content { return present }
            if state.entries.count >= state.limit {
                state.entries = state.entries.filter { $0.value.content != nil }
                state.limit = max(64, 2 * state.entries.count)
            }
            state.entries[location] = Entry(content: new, storedAt: storedAt)
            return new
        }
    }
}
