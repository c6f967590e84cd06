import Logging
import NIOCore
import NIOEmbedded
import NIOHTTP1
import Synchronization
import Testing
import WeirServer

/// A connection's time-outs, in a time that tests set.
@Suite struct ConnectionTimeoutTests {
    /// The client's side of the wire: takes what is sent, or nothing of it.
    private final class Wire: ChannelOutboundHandler {
        typealias OutboundIn = IOData
        var takesNothing = false
        private(set) var isOutputClosed = false
        /// The last write of a closing connection, which tells when all is sent.
        private var last: (data: NIOAny, promise: EventLoopPromise<Void>)?

        func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
            if takesNothing, let promise { last = (data, promise) } else { context.write(data, promise: promise) }
        }

        func flush(context: ChannelHandlerContext) { if !takesNothing { context.flush() } }

        func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
            guard mode == .output else { return context.close(mode: mode, promise: promise) }
            // The embedded channel would close whole.
            isOutputClosed = true
            promise?.succeed()
        }

        func handlerRemoved(context: ChannelHandlerContext) {
            last?.promise.fail(ChannelError.ioOnClosedChannel)
            last = nil
        }
    }

    /// A connection of a client, on a loop whose clock stands still but for `wait`.
    private final class Client {
        let loop = EmbeddedEventLoop()
        let channel: EmbeddedChannel
        let wire = Wire()

        init(_ timeouts: ConnectionTimeouts = ConnectionTimeouts(), answer: @escaping Connection.Answer) throws {
            channel = EmbeddedChannel(loop: loop)
            let connection = Connection(
                executors: ExecutorPool(loop),
                throttle: ClientThrottle(
                    ClientGroup(nil), rules: LoopTimeBucket.Rules(loops: 1), served: ServedClients(), at: loop.now),
                open: OpenConnections(most: 10), timeouts: timeouts,
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
                logsUnreadable: { _ in false }, answer: answer)
            try channel.pipeline.syncOperations.addHandlers(
                wire, HTTPResponseEncoder(), ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes)),
                connection)
            try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
            loop.run()
        }

        var isOpen: Bool { channel.isActive }

        func send(_ text: String) throws {
            try channel.writeInbound(ByteBuffer(string: text))
            loop.run()
        }

        func wait(_ time: TimeAmount) { loop.advanceTime(by: time) }

        /// Closes it; nothing may be left on the loop.
        func end() {
            _ = try? channel.finish(acceptAlreadyClosed: true)
            loop.run()
        }
    }

    private static let get = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"

    private static func respond(_ connection: NIOLoopBound<Connection>) -> Bool {
        do {
            try connection.value.beginResponse(HTTPResponseHead(version: .http1_1, status: .ok, headers: ["content-length": "2"]))
            try connection.value.write(.byteBuffer(ByteBuffer(string: "ok")))
            try connection.value.endResponse()
            return true
        } catch {
            return false
        }
    }

    @Test func aStrangerIsWaitedForHalfAMinute() throws {
        let client = try Client { _, connection in Self.respond(connection) }
        client.wait(.seconds(29))
        #expect(client.isOpen)
        try client.send(Self.get)
        #expect(try client.channel.readOutbound(as: ByteBuffer.self) != nil)
        client.wait(.seconds(29))
        #expect(client.isOpen)
        client.wait(.seconds(1))
        #expect(!client.isOpen)
        client.end()
    }

    @Test func aStrangersHeadHasNoMoreTime() throws {
        let client = try Client { _, connection in Self.respond(connection) }
        try client.send("GET / HTTP/1.1\r\nX: ")
        for _ in 0..<29 {
            try client.send("x")
            client.wait(.seconds(1))
        }
        #expect(client.isOpen)
        client.wait(.seconds(1))
        #expect(!client.isOpen)
        client.end()
    }

    @Test func aCallerIsWaitedForTwoMinutes() throws {
        let client = try Client { head, connection in
            RequestBody(of: head, connection).prove()
            return Self.respond(connection)
        }
        for _ in 0..<30 {
            try client.send(Self.get)
            client.wait(.seconds(119))
            #expect(client.isOpen)
        }
        client.wait(.seconds(1))
        #expect(!client.isOpen)
        client.end()
    }

    @Test func theTimesAreThoseOfTheSettings() throws {
        var timeouts = ConnectionTimeouts()
        timeouts.idle = .seconds(5)
        let client = try Client(timeouts) { _, connection in Self.respond(connection) }
        client.wait(.milliseconds(4_999))
        #expect(client.isOpen)
        client.wait(.milliseconds(1))
        #expect(!client.isOpen)
        client.end()
    }

    @Test func noTimePassesWhileARequestIsAnswered() throws {
        let waiting = Mutex<CheckedContinuation<Void, Never>?>(nil)
        let client = try Client { _, connection in
            await withCheckedContinuation { continuation in waiting.withLock { $0 = continuation } }
            return Self.respond(connection)
        }
        try client.send(Self.get)
        client.wait(.hours(1))
        #expect(client.isOpen)
        waiting.withLock { $0.take() }?.resume()
        client.loop.run()
        client.wait(.seconds(29))
        #expect(client.isOpen)
        client.wait(.seconds(1))
        #expect(!client.isOpen)
        client.end()
    }

    /// Reads the body and answers; a body that breaks off is not answered.
    private static let reading: Connection.Answer = { head, connection in
        do {
            for try await part in RequestBody(of: head, connection) where part.readableBytes == 0 {}
        } catch {
            return false
        }
        return respond(connection)
    }

    private static let upload = "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n"

    @Test func aStrangersBodyThatDripsIsCutOff() throws {
        let client = try Client(answer: Self.reading)
        try client.send(Self.upload)
        for _ in 0..<29 {
            try client.send("x")
            client.wait(.seconds(1))
        }
        #expect(client.isOpen)
        // It is looked at every ten seconds.
        for _ in 0..<10 where client.isOpen {
            try client.send("x")
            client.wait(.seconds(1))
        }
        #expect(!client.isOpen)
        client.end()
    }

    @Test(arguments: [(255, false), (300, true)])
    func aCallersBodyMustComeAtTheLeastRate(bytesPerSecond: Int, goesOn: Bool) throws {
        let client = try Client { head, connection in
            RequestBody(of: head, connection).prove()
            return await Self.reading(head, connection)
        }
        try client.send(Self.upload)
        for _ in 0..<240 where client.isOpen {
            try client.send(String(repeating: "x", count: bytesPerSecond))
            client.wait(.seconds(1))
        }
        #expect(client.isOpen == goesOn)
        client.end()
    }

    @Test func theRestOfARefusedUploadIsReadForTwoSeconds() throws {
        let client = try Client { _, connection in Self.respond(connection) }
        try client.send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 10000000000\r\n\r\n")
        #expect(client.wire.isOutputClosed)
        client.wait(.milliseconds(1_999))
        try client.send(String(repeating: "x", count: 1_000))
        #expect(client.isOpen)
        client.wait(.milliseconds(1))
        #expect(!client.isOpen)
        client.end()
    }

    @Test func aRefusedUploadThatComesWholeEndsTheConnectionAtOnce() throws {
        let client = try Client { _, connection in Self.respond(connection) }
        try client.send("PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
        #expect(client.wire.isOutputClosed && client.isOpen)
        try client.send("1\r\nx\r\n0\r\n\r\n")
        #expect(!client.isOpen)
        client.end()
    }

    private static let lastGet = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"

    @Test func aClientThatTakesNothingOfTheEndIsWaitedForHalfAMinute() throws {
        let client = try Client { _, connection in Self.respond(connection) }
        client.wire.takesNothing = true
        try client.send(Self.lastGet)
        client.wait(.milliseconds(29_999))
        #expect(client.isOpen)
        client.wait(.milliseconds(1))
        #expect(!client.isOpen)
        client.end()
    }

    @Test func aClientThatTakesSomeOfItGetsAnotherHalfMinute() throws {
        let client = try Client { _, connection in Self.respond(connection) }
        client.wire.takesNothing = true
        try client.send(Self.lastGet)
        client.wait(.seconds(20))
        // What went past the wire is taken; the last write is not.
        try client.channel.pipeline.syncOperations.context(handler: client.wire).flush()
        client.wait(.seconds(39))
        #expect(client.isOpen)
        client.wait(.seconds(1))
        #expect(!client.isOpen)
        client.end()
    }

    @Test func aResponseThatIsNotTakenIsAnotherLimitsMatter() throws {
        let client = try Client { _, connection in Self.respond(connection) }
        client.wire.takesNothing = true
        try client.send(Self.get)
        client.wait(.hours(1))
        #expect(client.isOpen)
        client.end()
    }

    @Test func aPlainRequestToATLSPortIsToldSoAndClosedAfterTwoSeconds() throws {
        let loop = EmbeddedEventLoop()
        let channel = EmbeddedChannel(loop: loop)
        let wire = Wire()
        try channel.pipeline.syncOperations.addHandlers(
            wire,
            FirstByteHandler(
                isSecure: true, lingering: .seconds(2), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }))
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        try channel.writeInbound(ByteBuffer(string: Self.get))
        let answer = try channel.readOutbound(as: ByteBuffer.self)
        #expect(answer.map { String(buffer: $0).hasPrefix("HTTP/1.1 400 Bad Request: plain HTTP") } == true)
        #expect(wire.isOutputClosed)
        loop.advanceTime(by: .milliseconds(1_999))
        #expect(channel.isActive)
        loop.advanceTime(by: .milliseconds(1))
        #expect(!channel.isActive)
    }
}
