import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypesHTTP1
import Synchronization
import WeirCore

/// Writes replies to one connection. What it throws ends the connection, so that the client sees a body that is too short and
/// never takes it for the whole.
struct ReplyWriter {
    /// Why a response ended early: content that cannot be read is an error for the log, a client that has gone is not.
    enum Failure: Error {
        case reading(any Error)
        case writing(any Error)
    }

    let connection: NIOLoopBound<Connection>
    let scheduler: SendScheduler
    /// Under TLS the bytes must pass through this process.
    let isSecure: Bool

    /// On the connection's event loop.
    ///
    /// - Returns: the bytes of the body.
    func write(_ head: HTTPResponse, _ body: Reply.Body, isHead: Bool) async throws -> Int64 {
        let length: Int64 =
            switch body {
            case .bytes(let bytes): Int64(bytes.readableBytes)
            case .absent(let length): length
            case .blob(let slice): Int64(slice.range.count)
            case .cut: throw CancellationError()
            }
        let status = head.status
        var head = HTTPResponseHead(head)
        // The conversion keeps a phrase only where it does not know the code.
        if status.code >= 400 { head.status = .custom(code: UInt(status.code), reasonPhrase: status.reasonPhrase) }
        // No door says one.
        head.headers.add(name: "content-length", value: "\(length)")
        // What was pushed is what it says it is, and never a page of this address.
        head.headers.add(name: "x-content-type-options", value: "nosniff")
        do {
            // A client that sends requests and reads no response must not fill the memory.
            try await connection.value.untilWritable()
            try connection.value.beginResponse(head)
            if !isHead, case .bytes(let bytes) = body { try connection.value.write(.byteBuffer(bytes)) }
        } catch {
            throw Failure.writing(error)
        }
        if !isHead, case .blob(let slice) = body { try await write(slice) }
        do { try connection.value.endResponse() } catch { throw Failure.writing(error) }
        if case .absent = body { return 0 }
        return isHead ? 0 : length
    }

    private func write(_ slice: BlobSlice) async throws {
        SendBufferBudget.bodies.add(1, ordering: .relaxed)
        defer { SendBufferBudget.bodies.subtract(1, ordering: .relaxed) }
        if let file = slice.blob.file, slice.first.readableBytes == 0, !isSecure {
            let from = file.offset + slice.range.lowerBound
            do {
                try await SendFile(descriptor: file.descriptor, scheduler: scheduler).send(
                    from..<from + Int64(slice.range.count), to: connection)
            } catch let failure as SendFile.Failure {
                if failure.isOfTheFile { try await lookAgain(slice, failure.range, file.offset) }
                throw Failure.writing(failure.error)
            } catch {
                throw Failure.writing(error)
            }
        } else {
            try await copy(slice)
        }
        // The descriptor is the body's: it must not be closed before the kernel has sent the last of it.
        withExtendedLifetime(slice.blob.body) {}
    }

    /// Reads through the body what the kernel could not read: the body records the fault. The response is lost either way.
    private func lookAgain(_ slice: BlobSlice, _ range: Range<Int64>, _ start: Int64) async throws {
        var offset = range.lowerBound - start
        while offset < range.upperBound - start {
            offset += Int64(try await Self.part(of: slice, at: offset).readableBytes)
        }
    }

    /// Sends part after part. The only body that is being sent has its next part read and opened on another thread meanwhile, so
    /// that it gets two cores. Several bodies take turns: the cores are busy without the hops.
    private func copy(_ slice: BlobSlice) async throws {
        var budget: SendBufferBudget?
        var part = slice.first
        var offset = slice.range.lowerBound
        if part.readableBytes == 0 { part = try await Self.part(of: slice, at: offset) }
        while offset < slice.range.upperBound {
            let end = offset + Int64(part.readableBytes)
            let now = SendBufferBudget.current
            if budget != now {
                budget = now
                connection.value.setHighWaterMark(now.highWaterMark)
            }
            if end >= slice.range.upperBound {
                try await send(part)
            } else if SendBufferBudget.bodies.load(ordering: .relaxed) == 1 {
                part = try await send(part, whileReading: slice, at: end)
            } else {
                try await send(part)
                // Memory is not held for what has been written while other bodies have their turn.
                part = ByteBuffer()
                await scheduler.nextTurn()
                part = try await Self.part(of: slice, at: end)
            }
            offset = end
        }
    }

    private func send(_ part: ByteBuffer, whileReading slice: BlobSlice, at offset: Int64) async throws -> ByteBuffer {
        try await withThrowingTaskGroup(of: ByteBuffer.self) { group in
            group.addTask(executorPreference: globalConcurrentExecutor) { try await Self.part(of: slice, at: offset) }
            try await send(part)
            return try await group.next() ?? ByteBuffer()
        }
    }

    private func send(_ part: ByteBuffer) async throws {
        do {
            try await connection.value.untilWritable()
            try connection.value.write(.byteBuffer(part))
            connection.value.countLayer(part.readableBytes)
        } catch {
            throw Failure.writing(error)
        }
        connection.value.flush()
    }

    /// The part at `offset`, empty at the slice's end.
    private static func part(of slice: BlobSlice, at offset: Int64) async throws -> ByteBuffer {
        let count = min(Int64(SendBufferBudget.current.part), slice.range.upperBound - offset)
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
package struct BlobEndedEarly: Error {
    package let at: Int64

    package init(at offset: Int64) { at = offset }
}
