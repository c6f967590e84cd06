import NIOCore
import NIOHTTP1

/// How a request's body gets from the connection to its reader.
extension Connection {
    /// The next part of the body of the request that is being answered; nil at its end. Throws where the body broke off. From any
    /// thread.
    ///
    /// - Parameter asksForIt: the client holds its body back until it is asked.
    static func nextPart(
        of connection: NIOLoopBound<Connection>, asksForIt: Bool
    ) async throws -> ByteBuffer? {
        let eventLoop = connection.eventLoop
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { reader in
                if eventLoop.inEventLoop {
                    connection.value.readBody(reader, asksForIt)
                } else {
                    eventLoop.execute { connection.value.readBody(reader, asksForIt) }
                }
            }
        } onCancel: {
            eventLoop.execute { connection.value.body.cancel() }
        }
    }

    private func readBody(_ reader: RequestBodyBuffer.Reader, _ asksForIt: Bool) {
        body.read(reader)
        machine.bodyRequested(waits: body.isAwaited, at: eventLoop.now)
        // Not where the body came unasked (RFC 9110, 10.1.1).
        if asksForIt, body.isAwaited { sendContinue() }
        if let context { resumeReading(context) }
    }

    /// A client has proved on this connection who it is. From any thread.
    static func prove(_ connection: NIOLoopBound<Connection>) {
        if connection.eventLoop.inEventLoop {
            connection.value.prove()
        } else {
            connection.eventLoop.execute { connection.value.prove() }
        }
    }

    private func prove() {
        guard let context, machine.prove() else { return }
        open.proved(context.channel)
        // Fails on a closed connection only.
        try? context.channel.syncOptions?.setOption(.recvAllocator, value: ReadBuffers.ofCallers)
    }

    private func sendContinue() {
        machine.continueWritten()
        // A client that has gone does not hear it.
        try? write(.head(HTTPResponseHead(version: .http1_1, status: .continue)))
        flush()
    }
}
