import HTTPTypes
import Logging
package import NIOCore
package import NIOHTTP1

/// How responses are written. All of it on the connection's event loop; it throws `Gone` where the connection closes.
extension Connection {
    /// Writes the head of the response. Nothing is sent before `flush` or `endResponse`.
    package func beginResponse(_ head: HTTPResponseHead) throws {
        var head = head
        if machine.responseBegins() { head.headers.add(name: "connection", value: "close") }
        try write(.head(head))
    }

    /// A part of the response's body.
    package func write(_ part: IOData, promise: EventLoopPromise<Void>? = nil) throws {
        try write(.body(part), promise: promise)
    }

    func write(_ part: HTTPServerResponsePart, promise: EventLoopPromise<Void>? = nil) throws {
        guard let context, machine.mayWrite() else {
            promise?.fail(Gone())
            throw Gone()
        }
        context.write(wrapOutboundOut(part), promise: promise)
    }

    package func flush() { context?.flush() }

    /// The response has been written whole.
    package func endResponse() throws {
        try write(.end(nil))
        flush()
        if let context { perform(machine.responseEnded(), context) }
    }

    /// Returns when the client has taken most of what was written.
    func untilWritable() async throws {
        guard let context, machine.isOpen else { throw Gone() }
        if context.channel.isWritable { return }
        try await withCheckedThrowingContinuation { writer = $0 }
    }

    /// Sets how many bytes may wait for the client before `untilWritable` waits too.
    func setHighWaterMark(_ bytes: Int) {
        let mark = ChannelOptions.Types.WriteBufferWaterMark(low: bytes / 4, high: bytes)
        // Fails on a closed connection only: the next write says so.
        try? context?.channel.syncOptions?.setOption(.writeBufferWaterMark, value: mark)
    }

    func refuse(_ reply: BadRequestReply, _ context: ChannelHandlerContext) {
        log(reply, context)
        // The machine is open: it can be written to.
        try? write(.head(reply.head))
        try? write(.byteBuffer(reply.body))
        try? write(.end(nil))
        perform(machine.refusalWritten(), context)
    }

    private func log(_ reply: BadRequestReply, _ context: ChannelHandlerContext) {
        let address: Logger.MetadataValue = "\(context.remoteAddress?.hostAndPort ?? "unknown")"
        guard !reply.isEveryday else {
            return logger.debug("A client spoke TLS to this plain port", metadata: ["client.address": address])
        }
        logger.log(
            level: logsUnreadable(clientAddress?.ipAddress) ? .info : .debug,
            "Request refused: it cannot be parsed",
            metadata: [
                "http.status": .stringConvertible(reply.status.code),
                "error": "\(machine.inputError.map { "\($0)" } ?? "")", "client.address": address,
            ])
    }
}
