import HTTPTypes
import HummingbirdCore
import NIOCore
import Synchronization
import WeirRegistry

/// Writes replies to one connection. What it throws ends the connection, so that the client sees a body that is too short and
/// never takes it for the whole.
struct ReplyWriter {
    /// What went wrong in the middle of a body: ours is for the log, a client that has gone is not.
    enum Failure: Error {
        case reading(any Error)
        case writing(any Error)
    }

    let channel: any Channel
    /// Nil on an event loop that is not the server's.
    let turns: BodyTurns?
    /// Under TLS the bytes must pass through this process.
    let isSecure: Bool

    /// `@concurrent`, here and below: Hummingbird's writers are no `Sendable` values and its functions not the caller's; so ours
    /// are of the same kind. All of them run on the connection's event loop.
    ///
    /// - Returns: the bytes of the body.
    @concurrent func write(
        _ head: HTTPResponse, _ body: Reply.Body, isHead: Bool, to writer: consuming ResponseWriter
    ) async throws -> Int64 {
        switch body {
        case .bytes(let bytes):
            var head = head
            head.headerFields[.contentLength] = "\(bytes.readableBytes)"
            if isHead {
                try await writer.writeResponse(head)
                return 0
            }
            try await writer.write(response: head, body: ResponseBody(byteBuffer: bytes))
            return Int64(bytes.readableBytes)
        case .absent(let length):
            var head = head
            head.headerFields[.contentLength] = "\(length)"
            try await writer.writeResponse(head)
            return 0
        case .blob(let slice):
            var head = head
            head.headerFields[.contentLength] = "\(slice.range.count)"
            if isHead {
                try await writer.writeResponse(head)
                return 0
            }
            let rest = try await writer.writeHead(head)
            try await write(slice, to: rest)
            return Int64(slice.range.count)
        case .cut:
            throw CancellationError()
        }
    }

    @concurrent private func write(_ slice: BlobSlice, to writer: some ResponseBodyWriter) async throws {
        var writer = writer
        BodyShare.bodies.add(1, ordering: .relaxed)
        defer { BodyShare.bodies.subtract(1, ordering: .relaxed) }
        if let file = slice.blob.file, slice.first.readableBytes == 0, !isSecure {
            let from = file.offset + slice.range.lowerBound
            do {
                try await SendFile(descriptor: file.descriptor, turns: turns).send(
                    from..<from + Int64(slice.range.count), to: channel)
            } catch {
                throw Failure.writing(error)
            }
        } else {
            try await copy(slice, to: &writer)
        }
        // The descriptor is the body's: it must not be closed before the kernel has sent the last of it.
        withExtendedLifetime(slice.blob.body) {}
        try await writer.finish(nil)
    }

    /// Sends part after part. A body that is alone has its next part read and opened on another thread while one is sent, so that one
    /// client gets what two cores can do; where several are sent, the cores have enough to do without the hops, and they take turns.
    @concurrent private func copy(_ slice: BlobSlice, to writer: inout some ResponseBodyWriter) async throws {
        var writer = writer
        var share: BodyShare?
        try await withThrowingTaskGroup(of: ByteBuffer.self) { group in
            var part = slice.first
            var offset = slice.range.lowerBound
            if part.readableBytes == 0 { part = try await Self.part(of: slice, at: offset) }
            while offset < slice.range.upperBound {
                let end = offset + Int64(part.readableBytes)
                if share != .current { share = holdNoMore(than: .current) }
                let isLast = end >= slice.range.upperBound
                let isAlone = !isLast && BodyShare.bodies.load(ordering: .relaxed) == 1
                if isAlone {
                    group.addTask(executorPreference: globalConcurrentExecutor) { try await Self.part(of: slice, at: end) }
                }
                do { try await writer.write(part) } catch { throw Failure.writing(error) }
                if isAlone {
                    part = try await group.next() ?? ByteBuffer()
                } else if !isLast {
                    // What has been written is not held while others have their turn.
                    part = ByteBuffer()
                    await turns?.next()
                    part = try await Self.part(of: slice, at: end)
                }
                offset = end
            }
        }
    }

    /// Above the mark a body waits for its client.
    private func holdNoMore(than share: BodyShare) -> BodyShare {
        let mark = ChannelOptions.Types.WriteBufferWaterMark(low: share.mark / 4, high: share.mark)
        channel.setOption(.writeBufferWaterMark, value: mark).whenFailure { _ in }
        return share
    }

    /// The part at `offset`, empty at the slice's end.
    private static func part(of slice: BlobSlice, at offset: Int64) async throws -> ByteBuffer {
        let count = min(Int64(BodyShare.current.chunk), slice.range.upperBound - offset)
        guard count > 0 else { return ByteBuffer() }
        do {
            let part = try await slice.blob.body.read(at: offset, upTo: Int(count))
            guard part.readableBytes > 0 else { throw BlobEndedEarly(at: offset) }
            return part
        } catch {
            throw Failure.reading(error)
        }
    }
}

/// A blob had fewer bytes than its size.
struct BlobEndedEarly: Error {
    let at: Int64
}
