package import NIOCore
import WeirCore
import WeirVault

/// A blob's plain bytes, at any offset, for a sender.
package protocol BlobBody: Sendable {
    /// Up to `count` bytes from `offset`; empty only at the blob's end. Waits for bytes that are still on their way.
    ///
    /// Throws where the content turns out to be lost, damaged or not what its digest says. The sender then cuts the connection,
    /// so that its client does not take a part for the whole.
    func read(at offset: Int64, upTo count: Int) async throws -> ByteBuffer
}

/// A blob as the doors serve it.
package struct ServedBlob: Sendable {
    package let size: Int64
    package let body: any BlobBody
    /// The file that holds exactly these bytes, plain, from `offset` on: the kernel may send it by itself. Open as long as `body`
    /// lives.
    package let file: (descriptor: Int32, offset: Int64)?
    /// Called with the number of bytes that a client is going to get.
    package var note: @Sendable (Int64) -> Void = { _ in }

    package init(size: Int64, body: any BlobBody, file: (descriptor: Int32, offset: Int64)? = nil) {
        self.size = size
        self.body = body
        self.file = file
    }
}

/// Reads what an `Intake` wrote: sealed segments, opened as they are asked for, or plain bytes.
struct BlobContent: BlobBody {
    /// Stands for the size of a blob that is still being written: no segment that has landed is its last.
    static let unfinished = Int64.max / 4

    /// Segments read from the file at once: few enough that they are still in the processor's cache when they are opened.
    private static let segmentsAtOnce = 2

    let file: any StoredBlob
    /// Nil for content that is not sealed.
    let opener: SegmentOpener?

    /// Plain bytes in the whole file, or nil where its length cannot be one of a finished blob.
    var size: Int64? {
        opener == nil ? file.size : SealedFormat.plainSize(ofFileSize: file.size)
    }

    func read(at offset: Int64, upTo count: Int) async throws -> ByteBuffer {
        guard let size else { throw SealError.damaged }
        return try await read(at: offset, upTo: count, size: size)
    }

    /// - Parameter size: plain bytes in the whole blob, or `unfinished`.
    func read(at offset: Int64, upTo count: Int, size: Int64) async throws -> ByteBuffer {
        let end = min(size, offset + Int64(count))
        guard offset < end else { return ByteBuffer() }
        guard let opener else { return try await file.read(at: offset, count: Int(end - offset)) }
        let segments = SealedFormat.segments(forPlain: offset..<end, plainSize: size)
        var plain = ByteBufferAllocator().buffer(capacity: segments.count * SealedFormat.segmentSize)
        for first in stride(from: segments.lowerBound, to: segments.upperBound, by: Int64.Stride(Self.segmentsAtOnce)) {
            let run = first..<min(first + Int64(Self.segmentsAtOnce), segments.upperBound)
            let range = SealedFormat.sealedRange(ofSegments: run, plainSize: size)
            let sealed = try await file.read(at: range.lowerBound, count: Int(range.upperBound - range.lowerBound))
            guard sealed.readableBytes == range.count else { throw SealError.damaged }
            try opener.open(run: sealed, first: run.lowerBound, plainSize: size, into: &plain)
        }
        plain.moveReaderIndex(forwardBy: Int(offset - segments.lowerBound * Int64(SealedFormat.segmentSize)))
        return plain.readSlice(length: min(plain.readableBytes, Int(end - offset))) ?? ByteBuffer()
    }
}
