import NIOCore
import Synchronization
import WeirCore
import WeirVault

/// Cuts a stream into segments, seals each and appends them to a staged blob. Belongs to one queue: the lock tells the compiler
/// so.
///
/// A segment is sealed when a byte after it has arrived: until then it may be the last.
final class SegmentWriter: Sendable {
    /// Bytes that are appended to the file at once: few calls, and still a small buffer.
    private static let batch = 512 * 1024

    private struct State {
        var sealer: SegmentSealer?
        /// The segment that is not full yet, or that is full and may be the last.
        var held = ByteBuffer()
        var batch = ByteBuffer()
        /// Plain bytes that lie in the file.
        var landed: Int64 = 0
        var sealedPlain: Int64 = 0
    }

    private let state: Mutex<State>
    private let staged: any StagedBlob
    private let landed: @Sendable (Int64) -> Void

    init(
        staged: any StagedBlob, sealer: SegmentSealer?, landed: @escaping @Sendable (Int64) -> Void
    ) {
        self.staged = staged
        self.landed = landed
        var state = State(sealer: sealer)
        state.held.reserveCapacity(SealedFormat.segmentSize)
        if let sealer { state.batch.writeImmutableBuffer(sealer.header) }
        self.state = Mutex(state)
    }

    /// What is not in the file yet.
    var held: ByteBuffer { state.withLock { $0.held } }

    /// What is not in the file yet. Frees the memory for batches until it is needed again.
    func rest() -> ByteBuffer {
        state.withLock { state in
            if state.batch.readableBytes == 0 { state.batch = ByteBuffer() }
            return state.held
        }
    }

    func write(_ bytes: ByteBuffer) throws {
        var bytes = bytes
        try state.withLock { state in
            while bytes.readableBytes > 0 {
                if state.held.readableBytes == SealedFormat.segmentSize {
                    try seal(&state, isLast: false)
                }
                if state.held.readableBytes == 0, bytes.readableBytes > SealedFormat.segmentSize {
                    try sealWhole(&state, &bytes)
                } else {
                    let count = min(SealedFormat.segmentSize - state.held.readableBytes, bytes.readableBytes)
                    state.held.writeImmutableBuffer(bytes.readSlice(length: count) ?? ByteBuffer())
                }
            }
            try flush(&state)
        }
    }

    /// Seals what is held as the last segment, appends it, and binds the whole to its digest. Does not report it as landed:
    /// readers get it when the blob is stored.
    func finish(as digest: Digest) throws {
        try state.withLock { state in
            try seal(&state, isLast: true)
            try staged.append(state.batch)
            state.batch.clear()
            guard let sealer = state.sealer else { return }
            let binding = try sealer.binding(to: digest)
            try staged.overwrite(binding, at: sealer.bindingOffset)
        }
    }

    /// Seals straight from the sender's bytes the segments that cannot be the last.
    private func sealWhole(_ state: inout State, _ bytes: inout ByteBuffer) throws {
        while bytes.readableBytes > SealedFormat.segmentSize {
            guard let segment = bytes.readSlice(length: SealedFormat.segmentSize) else { return }
            try append(segment, &state, isLast: false)
        }
    }

    private func seal(_ state: inout State, isLast: Bool) throws {
        try append(state.held, &state, isLast: isLast)
        state.held.clear()
    }

    private func append(_ segment: ByteBuffer, _ state: inout State, isLast: Bool) throws {
        if state.sealer == nil {
            state.batch.writeImmutableBuffer(segment)
        } else {
            try segment.withUnsafeReadableBytes { plain in
                try state.sealer?.seal(plain, isLast: isLast, into: &state.batch)
            }
        }
        state.sealedPlain += Int64(segment.readableBytes)
        if !isLast, state.batch.readableBytes >= Self.batch { try flush(&state) }
    }

    private func flush(_ state: inout State) throws {
        guard state.batch.readableBytes > 0 else { return }
        try staged.append(state.batch)
        state.batch.clear()
        state.landed = state.sealedPlain
        landed(state.landed)
    }
}
