import HTTPTypes
package import Logging
package import Metrics
package import NIOCore
import NIOHTTP1
import NIOHTTPTypesHTTP1
import NIOPosix
import NIOSSL
import ServiceLifecycle
package import WeirCore

/// Listens, reads requests, has `Answer` answer each and writes the reply: HTTP/1.1, with or without TLS.
///
/// Each connection's requests are answered one after the other, on the connection's own event loop (`Connection`). On a graceful
/// stop it takes no new connection, completes every response to a request that has begun, and returns.
package final class HTTPListener: Sendable {
    package typealias Answer = @Sendable (WebRequest) async -> Reply

    private let settings: ServerSettings
    private let logger: Logger
    private let answer: Answer
    private let date: HTTPDate
    private let metrics: RequestMetrics
    private let logsUnreadable: @Sendable (String?) -> Bool
    private let numbers = RequestNumbers()
    private let certificate = ServedCertificate()

    /// - Parameter logsUnreadable: whether a request that cannot be parsed, from this address, gets a log line of its own.
    package init(
        settings: ServerSettings, metrics: any MetricsFactory, clock: WallClock, logger: Logger,
        logsUnreadable: @escaping @Sendable (String?) -> Bool = { _ in true },
        answer: @escaping Answer
    ) {
        self.settings = settings
        self.logger = logger
        self.answer = answer
        date = HTTPDate(clock: clock)
        self.metrics = RequestMetrics(metrics)
        self.logsUnreadable = logsUnreadable
    }

    /// Serves until the task is cancelled or shut down gracefully. Throws where the address or the certificate cannot be used.
    package func run(onListening: @escaping @Sendable (SocketAddress?) async -> Void = { _ in }) async throws {
        let group = MultiThreadedEventLoopGroup.singleton
        try certificate.use(settings.tls)
        let loops = try await EventLoops(group)
        let outcome: Result<Void, any Error>
        do {
            let open = OpenConnections(most: settings.maxConnections, ofOneClient: settings.connectionsPerAddress)
            let throttles = ClientThrottles(loops: loops.count, logger: logger)
            let server = try await bind(bootstrap(group, loops, open, throttles))
            outcome = .success(try await serve(server, open, onListening))
        } catch {
            outcome = .failure(error)
        }
        await loops.close()
        try outcome.get()
    }

    private func bind(_ bootstrap: ServerBootstrap) async throws -> any Channel {
        // An address is not resolved: the resolver refuses every one, `::` too, of a family that this machine has no public
        // address of.
        if let address = try? SocketAddress(ipAddress: settings.host, port: settings.port) {
            return try await bootstrap.bind(to: address).get()
        }
        return try await bootstrap.bind(host: settings.host, port: settings.port).get()
    }

    private func serve(
        _ server: any Channel, _ open: OpenConnections, _ onListening: @Sendable (SocketAddress?) async -> Void
    ) async throws {
        try await withTaskCancellationHandler {
            try await withGracefulShutdownHandler {
                await onListening(server.localAddress)
                try await server.closeFuture.get()
                await open.untilNone()
            } onGracefulShutdown: {
                server.close(promise: nil)
                open.drain()
                self.logStop(server.eventLoop, open)
            }
        } onCancel: {
            server.close(promise: nil)
            open.closeNow()
        }
    }

    /// Idle connections are closed by then: the rest are answering.
    private func logStop(_ eventLoop: any EventLoop, _ open: OpenConnections) {
        eventLoop.scheduleTask(in: .milliseconds(300)) { [logger] in
            guard open.count > 0 else { return }
            logger.notice("Stopping: answers are under way", metadata: ["answers": .stringConvertible(open.count)])
        }
    }

    private func bootstrap(
        _ group: any EventLoopGroup, _ loops: EventLoops, _ open: OpenConnections, _ throttles: ClientThrottles
    ) -> ServerBootstrap {
        let isSecure = settings.tls != nil
        return ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            // Sixteen connections are accepted between two polls, not four: a crowd gets in sooner.
            .serverChannelOption(.maxMessagesPerRead, value: 16)
            .serverChannelInitializer { [logger] channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers([
                        AcceptGate(open, throttles: throttles, isSecure: isSecure, logger: logger)
                    ])
                }
            }
            // A client may close its side after its request, and still gets its response.
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            // One read for each `read()`: the backpressure is exact.
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelOption(.recvAllocator, value: ReadBuffers.ofStrangers)
            .childChannelInitializer { [self] channel in
                channel.eventLoop.makeCompletedFuture { try prepare(channel, loops, open, throttles) }
            }
    }

    private func prepare(
        _ channel: any Channel, _ loops: EventLoops, _ open: OpenConnections, _ throttles: ClientThrottles
    ) throws {
        let pipeline = channel.pipeline.syncOperations
        let tls = certificate.context
        if tls != nil { try pipeline.addHandler(HardCloseHandler()) }
        try pipeline.addHandler(FirstByteHandler(isSecure: tls != nil, lingering: settings.timeouts.lingering, logger: logger))
        if let tls { try pipeline.addHandler(NIOSSLServerHandler(context: tls)) }
        // A registry token is under 1 KiB, a signed query under 4 KiB: longer headers belong to no client of a registry.
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderFieldSize = 32 << 10
        limits.maxHeaderListSize = 64 << 10
        limits.maxHeaderFieldCount = 200
        try pipeline.addHandlers(
            // Without header validation: `HTTPFields` has validated the headers of every reply.
            HTTPResponseEncoder(),
            // After a request for another protocol (CONNECT, Upgrade) the decoder keeps what follows: 128 KiB at most.
            ByteToMessageHandler(
                HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes, limitConfiguration: limits),
                maximumBufferSize: 128 << 10))
        if let patience = settings.downloadPatience {
            try pipeline.addHandler(StalledReaderHandler(patience: .microseconds(patience.microseconds), logger: logger))
        }
        let loop = loops[channel.eventLoop]
        try pipeline.addHandler(
            Connection(
                executors: loop.executors, throttle: throttles.throttle(of: ClientGroup(channel.remoteAddress)), open: open,
                timeouts: settings.timeouts, logger: logger, logsUnreadable: logsUnreadable
            ) { [self, scheduler = loop.scheduler] head, connection in
                guard connection.value.throttle.isPaced(at: connection.eventLoop.now), !settings.unpacedPaths.contains(head.uri)
                else {
                    return await serve(head, connection, scheduler)
                }
                return await Connection.paced(connection) { await serve(head, connection, scheduler) }
            })
    }

    /// Takes a renewed certificate into use, if there is one. Open connections keep theirs.
    package func renewCertificate() {
        do {
            guard let identity = try settings.renewedTLS() else { return }
            try certificate.use(identity)
            logger.notice("The server's certificate has been renewed")
        } catch {
            logger.error("The server's certificate cannot be renewed", metadata: ["error": "\(error)"])
        }
    }

    // MARK: One request

    /// False where the connection cannot go on.
    private func serve(
        _ head: HTTPRequestHead, _ connection: NIOLoopBound<Connection>, _ scheduler: SendScheduler
    ) async -> Bool {
        let start = ContinuousClock.now
        let id = numbers.next()
        let client = connection.value.clientAddress
        guard let request = WebRequest(head, id: id, connection) else { return false }
        var logger = logger
        logger[metadataKey: "request.id"] = "\(id)"
        let trace = TraceContext(of: request.headers)
        if let trace { logger[metadataKey: "trace.id"] = "\(trace.traceID)" }
        let origin = RequestOrigin(
            address: connection.value.clientIPAddress, port: client?.port, isSecure: settings.tls != nil,
            userAgent: request.headers[.userAgent])
        let reply = await withLogger(logger) { _ in
            await RequestOrigin.$current.withValue(origin) {
                // Requests rarely bring a trace: without one the binding costs nothing.
                trace == nil ? await answer(request) : await TraceContext.$current.withValue(trace) { await answer(request) }
            }
        }
        if case .cut = reply.body {
            logger.debug("Request abandoned", metadata: facts(request, reply, start, bytes: 0, client))
            metrics.count(reply.label, method: request.method, status: 499, bytes: 0, took: .now - start)
            return false
        }
        var head = HTTPResponse(status: reply.status, headerFields: reply.headers)
        head.headerFields[.date] = date.now
        do {
            let bytes = try await ReplyWriter(connection: connection, scheduler: scheduler, isSecure: settings.tls != nil).write(
                head, reply.body, isHead: request.method == .head)
            metrics.count(
                reply.label, method: request.method, status: reply.status.code, bytes: bytes, took: .now - start)
            if logger.logLevel <= .debug {
                logger.debug("Request answered", metadata: facts(request, reply, start, bytes: bytes, client))
            }
            return true
        } catch {
            metrics.count(reply.label, method: request.method, status: 499, bytes: 0, took: .now - start)
            report(error, logger, facts(request, reply, start, bytes: 0, client))
            return false
        }
    }

    private func report(_ error: any Error, _ logger: Logger, _ facts: Logger.Metadata) {
        var facts = facts
        if case ReplyWriter.Failure.reading(let cause) = error {
            facts["error"] = "\(cause)"
            logger.error("Answer cut short: its content cannot be read", metadata: facts)
        } else {
            facts["error"] = "\(error)"
            logger.debug("Answer cut short: the client has gone", metadata: facts)
        }
    }

    private func facts(
        _ request: WebRequest, _ reply: Reply, _ start: ContinuousClock.Instant, bytes: Int64, _ client: SocketAddress?
    ) -> Logger.Metadata {
        // The path without its query, which may hold a signature.
        [
            "http.method": "\(request.method)", "http.path": "\(request.rawPath)",
            "http.status": .stringConvertible(reply.status.code), "http.door": "\(reply.label.door)",
            "http.route": "\(reply.label.route)", "http.bytes": .stringConvertible(bytes),
            "http.seconds": .stringConvertible((ContinuousClock.now - start) / .seconds(1)),
            "client.address": "\(client?.hostAndPort ?? "unknown")",
        ]
    }
}

/// How much is read from a connection at once. Idle connections hold no buffer.
enum ReadBuffers {
    /// 32 KiB at most: enough for requests, and thousands of strangers stay cheap.
    static let ofStrangers = AdaptiveRecvByteBufferAllocator(minimum: 1024, initial: 8192, maximum: 32 << 10)
    /// Grows to 1 MiB while a caller sends as fast as the server reads: an upload then costs a sixteenth of the system calls.
    static let ofCallers = AdaptiveRecvByteBufferAllocator(minimum: 1024, initial: 8192, maximum: 1 << 20)
}

extension TraceContext {
    /// The trace that a request came with, with a new span.
    fileprivate init?(of headers: HTTPFields) {
        guard let parent = headers[.traceparent],
            let context = TraceContext(traceparent: parent, tracestate: headers[.tracestate])
        else { return nil }
        self = context.child()
    }
}

extension HTTPField.Name {
    fileprivate static let traceparent = constant("traceparent")
    fileprivate static let tracestate = constant("tracestate")
}

extension WebRequest {
    /// Nil where the method is none.
    fileprivate init?(_ head: HTTPRequestHead, id: String, _ connection: NIOLoopBound<Connection>) {
        guard let method = HTTPRequest.Method(head.method.rawValue) else { return nil }
        // A path as sent; of an absolute URI (RFC 9112, 3.2.2) its path and query.
        let isPath = head.uri.utf8.first == UInt8(ascii: "/")
        let target = isPath ? head.uri : (try? HTTPRequest(head, secure: false, splitCookie: false))?.path ?? ""
        self.init(
            id: id, method: method, target: target, authority: head.headers.first(name: "host"),
            headers: HTTPFields(head.headers, splitCookie: false), body: RequestBody(of: head, connection))
    }
}
