import NIOCore
import Synchronization
import WeirCore

/// The body of a `FakeUpstream` blob: chunk by chunk, flawed where the test wants it, waiting where the test holds it.
struct FakeBody: AsyncSequence, Sendable {
    typealias Element = ByteBuffer

    let bytes: ByteBuffer
    let flaw: FakeUpstream.Flaw?
    let start: Int64
    /// Where a range ends; nil for the blob's end.
    let limit: Int64?
    let chunk: Int
    let host: String
    let gate: Gate

    func makeAsyncIterator() -> Iterator { Iterator(body: self, position: start) }

    struct Iterator: AsyncIteratorProtocol {
        let body: FakeBody
        var position: Int64

        mutating func next() async throws -> ByteBuffer? {
            let position = position
            let limit = try await body.gate.pass { held in held.offset.map { position >= $0 } ?? false }
            if let broken = body.breaks, position >= broken {
                throw UpstreamError(.unavailable, host: body.host, "the connection broke")
            }
            let last = body.limit.map { Swift.min($0, body.end) } ?? body.end
            guard position < last else { return nil }
            var end = Swift.min(position + Int64(body.chunk), last)
            // No chunk goes beyond a hold or a break.
            for stop in [limit.offset, body.breaks].compactMap({ $0 }) where stop > position { end = Swift.min(end, stop) }
            self.position = end
            return body.part(position..<end)
        }
    }

    private var breaks: Int64? {
        switch flaw {
        case .breaks(let offset), .breaksOnce(let offset): offset
        default: nil
        }
    }

    private var end: Int64 {
        let count = Int64(bytes.readableBytes)
        return switch flaw {
        case .tooFew(let missing): Swift.max(0, count - missing)
        case .tooMany(let extra): count + extra
        default: count
        }
    }

    private func part(_ range: Range<Int64>) -> ByteBuffer {
        let held = range.clamped(to: 0..<Int64(bytes.readableBytes))
        var part = bytes.getSlice(at: bytes.readerIndex + Int(held.lowerBound), length: held.count) ?? ByteBuffer()
        part.writeRepeatingByte(0x2a, count: range.count - held.count)
        if case .wrongByte(let offset) = flaw, range.contains(offset) {
            let index = part.readerIndex + Int(offset - range.lowerBound)
            part.setInteger(~(part.getInteger(at: index) ?? UInt8(0)), at: index)
        }
        return part
    }
}

/// Where tests hold the tasks beside them. It keeps the tasks that are held, and those that wait until others are held.
final class Gate: Sendable {
    /// What is held now.
    struct Held: Sendable {
        var kinds: Set<FakeUpstream.Kind> = []
        var offset: Int64?
    }

    private struct State {
        var held = Held()
        var next = 0
        var waiting: [Int: CheckedContinuation<Void, any Error>] = [:]
        var watching: [Int: (count: Int, CheckedContinuation<Void, any Error>)] = [:]

        /// Watchers whose number of held tasks is reached.
        mutating func content() -> [CheckedContinuation<Void, any Error>] {
            let ready = watching.filter { $0.value.count <= waiting.count }
            for id in ready.keys { watching[id] = nil }
            return ready.values.map(\.1)
        }
    }

    private let state = Mutex(State())

    func change(_ body: @Sendable (inout Held) -> Void) {
        // Every waiting task looks again, and waits again where it is still held.
        let woken = state.withLock { state in
            body(&state.held)
            defer { state.waiting = [:] }
            return Array(state.waiting.values)
        }
        for continuation in woken { continuation.resume() }
    }

    /// Waits for as long as `isHeld`; returns what else is held then.
    @discardableResult
    func pass(_ isHeld: @Sendable (Held) -> Bool) async throws -> Held {
        while true {
            let held = state.withLock { $0.held }
            guard isHeld(held) else { return held }
            try await suspend { state, id, continuation in
                guard isHeld(state.held) else { return false }
                state.waiting[id] = continuation
                return true
            }
        }
    }

    func untilHeld(_ count: Int) async throws {
        try await suspend { state, id, continuation in
            guard state.waiting.count < count else { return false }
            state.watching[id] = (count, continuation)
            return true
        }
    }

    /// Suspends the task if `enter` put its continuation somewhere. Ends with `CancellationError` where it is cancelled.
    private func suspend(
        _ enter: @Sendable (inout State, Int, CheckedContinuation<Void, any Error>) -> Bool
    ) async throws {
        let id = state.withLock { state in
            state.next += 1
            return state.next
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                let (isSuspended, ready) = state.withLock { state in
                    (!Task.isCancelled && enter(&state, id, continuation), state.content())
                }
                if !isSuspended { continuation.resume() }
                for watcher in ready { watcher.resume() }
            }
        } onCancel: {
            let continuation = state.withLock { $0.waiting.removeValue(forKey: id) ?? $0.watching.removeValue(forKey: id)?.1 }
            continuation?.resume(throwing: CancellationError())
        }
        try Task.checkCancellation()
    }
}
