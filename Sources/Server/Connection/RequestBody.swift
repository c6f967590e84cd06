package import NIOCore
package import NIOHTTP1
import Synchronization
import WeirCore

/// A request's body as it arrives: the reader's demand is the backpressure.
///
/// A client that asked `Expect: 100-continue` gets its `100` when the first part is asked for: an upload that is refused is
/// refused before a byte of it has been sent, and one that is taken does not wait a second. A body shorter than its
/// `Content-Length` ends in an error, never as if it were whole. There is one reader.
package struct RequestBody: AsyncSequence, Sendable {
    package typealias Element = ByteBuffer
    package typealias Failure = any Error

    /// The connection ended before the body did.
    package struct Truncated: Error {
        package let declared: Int64
        package let received: Int64
    }

    private final class Progress: Sendable {
        let failure = Mutex<(any Error)?>(nil)
    }

    /// Where the parts come from: the next one at each call, nil at the end.
    private enum Source: Sendable {
        case memory(ByteBuffer)
        case connection(NIOLoopBound<Connection>, awaitsContinue: Bool)
    }

    private let source: Source
    private let progress = Progress()
    /// `Content-Length`: 0 where there is no body, nil where it is chunked or cannot be told.
    package let declaredLength: Int64?

    /// The body of the request that a connection has begun to read.
    package init(of head: HTTPRequestHead, _ connection: NIOLoopBound<Connection>) {
        source = .connection(connection, awaitsContinue: head.awaitsContinue)
        declaredLength = head.declaredLength
    }

    package init(_ bytes: ByteBuffer) {
        source = .memory(bytes)
        declaredLength = Int64(bytes.readableBytes)
    }

    package var isEmpty: Bool { declaredLength == 0 }
    /// Why the body could not be read to its end: the client has gone, or does not speak HTTP. A response would not be read.
    package var failure: (any Error)? { progress.failure.withLock { $0 } }

    package func makeAsyncIterator() -> AsyncIterator { AsyncIterator(body: self) }

    package struct AsyncIterator: AsyncIteratorProtocol {
        private let body: RequestBody
        private var hasBegun = false
        private var received: Int64 = 0

        fileprivate init(body: RequestBody) { self.body = body }

        @concurrent package mutating func next() async throws -> ByteBuffer? {
            guard !body.isEmpty else { return nil }
            defer { hasBegun = true }
            do {
                if let part = try await body.part(isFirst: !hasBegun) {
                    received += Int64(part.readableBytes)
                    return part
                }
                if let declared = body.declaredLength, received < declared {
                    throw Truncated(declared: declared, received: received)
                }
                return nil
            } catch {
                body.progress.failure.withLock { $0 = error }
                throw error
            }
        }
    }

    private func part(isFirst: Bool) async throws -> ByteBuffer? {
        switch source {
        case .memory(let bytes): return isFirst ? bytes : nil
        case .connection(let connection, let awaitsContinue):
            return try await Connection.nextPart(of: connection, asksForIt: isFirst && awaitsContinue)
        }
    }

    /// The client has proved who it is: the connection is a caller's from now on.
    package func prove() {
        if case .connection(let connection, _) = source { Connection.prove(connection) }
    }

    /// The whole body, or nil where it has more than `limit` bytes: then the rest is left unread.
    ///
    /// - Parameter look: sees each part as it comes.
    package func collect(upTo limit: Int, _ look: (ByteBuffer) -> Void = { _ in }) async throws -> ByteBuffer? {
        if let declaredLength, declaredLength > Int64(limit) { return nil }
        var whole: ByteBuffer?
        for try await var part in self {
            guard (whole?.readableBytes ?? 0) + part.readableBytes <= limit else { return nil }
            look(part)
            if whole == nil {
                whole = part
                // Grown by doubling, it would be twice as long at times.
                if let declaredLength { whole?.reserveCapacity(Int(declaredLength)) }
            } else {
                whole?.writeBuffer(&part)
            }
        }
        return whole ?? ByteBuffer()
    }

    /// Reads the whole body, nil where it has more than `limit` bytes, and holds its room in memory while `use` works with it.
    ///
    /// Throws the refusal `.throttled` where there is no room, and why the body could not be read.
    package func withWhole<Value>(
        upTo limit: Int, budget: BodyBudget = .shared, look: (ByteBuffer) -> Void = { _ in },
        _ use: (ByteBuffer?) async throws -> Value
    ) async throws -> Value {
        if let declaredLength, declaredLength > Int64(limit) { return try await use(nil) }
        let count = declaredLength.map { Int($0) } ?? limit
        return try await budget.withRoom(for: count, of: ClientGroup(text: RequestOrigin.current.address)) {
            try await use(try await collect(upTo: limit, look))
        }
    }
}

extension HTTPRequestHead {
    /// The body's length as declared: 0 where there is none, nil where it is chunked or cannot be told.
    var declaredLength: Int64? {
        if headers.contains(name: "transfer-encoding") { return nil }
        guard let text = headers.first(name: "content-length") else { return 0 }
        // The decoder takes blanks after the digits, and numbers beyond 64 bits: it knows where such a body ends.
        return Int64(text)
    }

    var awaitsContinue: Bool { headers.first(name: "expect")?.lowercased().hasPrefix("100-continue") ?? false }
}
