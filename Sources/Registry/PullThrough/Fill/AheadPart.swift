import NIOCore
import Synchronization
import WeirCore

/// A part of a blob that is fetched while an earlier part is still being written: by one request, without a second try. The
/// transfer itself fetches what the part lacks, when it comes there.
final class AheadPart: Sendable {
    let range: Range<Int64>

    private struct State {
        var bytes = ByteBuffer()
        var arrived: Int64 = 0
        var hasEnded = false
        var waiting = Waiters<Void, Void>()
    }

    private let state = Mutex(State())

    init(_ range: Range<Int64>) { self.range = range }

    /// Fetches the part, and holds all of it in memory: a fetch that waited for its reader could keep the connection that the
    /// reader's own transfer waits for.
    func fetch(
        _ digest: Digest, size: Int64, validator: String?, from upstream: any UpstreamRegistry, in source: UpstreamSource
    ) async {
        defer { change { $0.hasEnded = true } }
        let asked = UpstreamRange(
            offset: range.lowerBound, length: Int64(range.count), validator: validator)
        guard let blob = try? await upstream.blob(digest, range: asked, in: source), blob.offset == range.lowerBound,
            blob.size ?? size == size
        else { return }
        do {
            for try await part in blob.body {
                let isFull = state.withLock { $0.arrived } + Int64(part.readableBytes) >= range.count
                change { state in
                    let wanted = min(part.readableBytes, Int(Int64(range.count) - state.arrived))
                    if let slice = part.getSlice(at: part.readerIndex, length: wanted) {
                        state.bytes.writeImmutableBuffer(slice)
                    }
                    state.arrived += Int64(wanted)
                }
                if isFull { return }
            }
        } catch {
            // What has arrived is good; the rest is fetched again.
        }
    }

    /// What has arrived since the last call; nil at the end of the part, or where its fetching ended early.
    func next() async -> ByteBuffer? {
        while true {
            let (bytes, hasEnded) = state.withLock { state in
                defer { state.bytes = ByteBuffer() }
                return (state.bytes, state.hasEnded)
            }
            if bytes.readableBytes > 0 { return bytes }
            if hasEnded { return nil }
            // Not to be cancelled: the fetch always ends, and its connection has its own time limits.
            await state.wait { state, waiter in
                if state.hasEnded || state.bytes.readableBytes > 0 { return () }
                state.waiting.append(waiter)
                return nil
            }
        }
    }

    private func change(_ body: (inout State) -> Void) {
        let waiting = state.withLock { state in
            body(&state)
            return state.waiting.removeAll()
        }
        for waiter in waiting { waiter.resume() }
    }
}
