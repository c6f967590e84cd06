import struct Crypto.SymmetricKey
package import NIOCore
package import WeirCore

/// Seals one blob, segment by segment, from the first to the last (format: `SealedFormat`).
///
/// The nonces count up from zero: never give a data key to two sealers, and never copy a sealer and use both copies.
package struct SegmentSealer: Sendable {
    /// The file's first bytes.
    package let header: ByteBuffer
    /// The offset in the file for `binding(to:)`.
    package let bindingOffset: Int64
    private let cipher: SegmentCipher
    private var next: Int64 = 0
    private var isFinished = false

    package init(_ dataKey: DataKey, under sealingKey: SealingKey) throws(SealError) {
        let header = SealedHeader(scope: sealingKey.scope, wrappedKey: dataKey.wrapped)
        self.header = header.encoded()
        bindingOffset = Int64(header.bindingOffset)
        cipher = try SegmentCipher(dataKey.key)
    }

    /// The binding of the whole blob to its digest, to be written at `bindingOffset`. Call it after the last segment.
    package func binding(to digest: Digest) throws(SealError) -> ByteBuffer {
        guard isFinished, let tag = cipher.binding(to: digest) else {
            throw .misused("a binding of a blob that is not whole")
        }
        return ByteBuffer(bytes: tag)
    }

    /// Seals the next segment and appends it, with its nonce and tag, to `sealed`. Every segment except the last must hold
    /// exactly `SealedFormat.segmentSize` bytes; the last one may be empty only if it is the first.
    package mutating func seal(
        _ segment: UnsafeRawBufferPointer, isLast: Bool, into sealed: inout ByteBuffer
    ) throws(SealError) {
        guard !isFinished else { throw .misused("a segment after the last one") }
        guard segment.count == SealedFormat.segmentSize || (isLast && segment.count < SealedFormat.segmentSize) else {
            throw .misused("a segment of \(segment.count) bytes that is not the last")
        }
        guard !segment.isEmpty || next == 0 else { throw .misused("an empty segment after others") }
        let nonce = SealedFormat.nonce(segment: next)
        let additional = SealedFormat.authenticated(segment: next, isLast: isLast, .current)
        var isDone = false
        sealed.writeBytes(nonce)
        sealed.writeWithUnsafeMutableBytes(minimumWritableBytes: segment.count + SealedFormat.tagSize) { room in
            guard let count = cipher.seal(segment, nonce: nonce, authenticating: additional, into: room) else { return 0 }
            isDone = true
            return count
        }
        guard isDone else { throw .misused("a segment could not be sealed") }
        next += 1
        isFinished = isLast
    }

    /// The same for a buffer's readable bytes.
    package mutating func seal(
        _ segment: ByteBuffer, isLast: Bool, into sealed: inout ByteBuffer
    ) throws(SealError) {
        var failure: SealError?
        segment.withUnsafeReadableBytes { bytes in
            do throws(SealError) { try seal(bytes, isLast: isLast, into: &sealed) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    /// Seals a whole blob in memory, with header and binding.
    package static func seal(whole plain: ByteBuffer, _ dataKey: DataKey, under key: SealingKey) throws(SealError) -> ByteBuffer {
        var sealer = try SegmentSealer(dataKey, under: key)
        var sealed = sealer.header
        sealed.reserveCapacity(Int(SealedFormat.fileSize(ofPlainSize: Int64(plain.readableBytes))))
        var rest = plain
        repeat {
            let segment = rest.readSlice(length: min(rest.readableBytes, SealedFormat.segmentSize)) ?? ByteBuffer()
            try sealer.seal(segment, isLast: rest.readableBytes == 0, into: &sealed)
        } while rest.readableBytes > 0
        let binding = try sealer.binding(to: Digest(of: plain.readableBytesView))
        sealed.setBuffer(binding, at: sealed.readerIndex + Int(sealer.bindingOffset))
        return sealed
    }
}
