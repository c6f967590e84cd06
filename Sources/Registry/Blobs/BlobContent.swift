import NIOCore
import WeirCore
import WeirVault

/// Reads what an `BlobIngest` wrote: sealed segments, opened as they are asked for, or plain bytes.
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
