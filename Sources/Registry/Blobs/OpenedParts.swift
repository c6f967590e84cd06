package import NIOCore
import Synchronization
import WeirVault

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
