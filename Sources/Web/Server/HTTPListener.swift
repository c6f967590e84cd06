import HTTPTypes
import HummingbirdCore
import HummingbirdTLS
package import Logging
package import NIOCore
import NIOHTTPTypes
import NIOPosix
import NIOSSL
import ServiceLifecycle
package import WeirCore
import WeirRegistry

/// Listens, reads requests, asks for an answer to each and writes it: HTTP/1.1, with or without TLS. It knows no door.
///
/// Each connection's requests are answered one after the other, on the connection's own event loop. On a graceful stop it takes no new
/// connection, lets every answer that has begun go out whole, and returns.
package struct HTTPListener: Sendable {
    package typealias Answer = @Sendable (WebRequest) async -> Reply

    private let settings: WebSettings
    private let logger: Logger
    private let answer: Answer
    private let date: HTTPDate
    private let metrics: RequestMetrics
    private let numbers = RequestNumbers()

    package init(
        settings: WebSettings, metrics: PrometheusRegistry, clock: WallClock, logger: Logger, answer: @escaping Answer
    ) {
        self.settings = settings
        self.logger = logger
        self.answer = answer
        date = HTTPDate(clock: clock)
        self.metrics = RequestMetrics(metrics)
    }

    /// Serves until the task is cancelled or told to stop gracefully. Throws where the address or the certificate cannot be used.
    package func run(onListening: @escaping @Sendable (SocketAddress?) async -> Void = { _ in }) async throws {
        let group = MultiThreadedEventLoopGroup.singleton
        let tls = try settings.tls.map { try Self.configuration($0) }
        let loops = try await EventLoops(group)
        let outcome: Result<Void, any Error>
        do {
            outcome = .success(try await server(tls, group, loops, onListening).run())
        } catch {
            outcome = .failure(error)
        }
        await loops.close()
        try outcome.get()
    }

    private func server(
        _ tls: TLSConfiguration?, _ group: any EventLoopGroup, _ loops: EventLoops,
        _ onListening: @escaping @Sendable (SocketAddress?) async -> Void
    ) throws -> any Service {
        let http = HTTP1Channel(
            responder: { request, writer, channel in
                try await serve(request, writer, channel, loops.turns(of: channel.eventLoop))
            }, configuration: channelConfiguration)
        guard let tls else {
            return EventLoopChannel(base: http, loops: loops).server(
                configuration: serverConfiguration, onServerRunning: { await onListening($0.localAddress) },
                eventLoopGroup: group, logger: logger)
        }
        return EventLoopChannel(base: try TLSChannel(http, tlsConfiguration: tls), loops: loops).server(
            configuration: serverConfiguration, onServerRunning: { await onListening($0.localAddress) },
            eventLoopGroup: group, logger: logger)
    }

    private var serverConfiguration: ServerConfiguration {
        ServerConfiguration(
            address: .hostname(settings.host, port: settings.port),
            availableConnectionsDelegate: .maximum(settings.maxConnections, logger: logger))
    }

    private var channelConfiguration: HTTP1Channel.Configuration {
        let logger = logger
        let patience = settings.downloadPatience.map { TimeAmount.microseconds($0.microseconds) }
        // A registry token is under 1 KiB, a signed query under 4: what is longer is not one of ours.
        return HTTP1Channel.Configuration(
            additionalChannelHandlers: (patience.map { [StalledReaderHandler(patience: $0, logger: logger)] } ?? [])
                + [HoldCloseHandler(), ExchangeHandler(logger: logger)],
            idleTimeout: .microseconds(settings.idleTimeout.microseconds),
            httpDecoderConfiguration: .init(
                maxHeaderFieldSize: 32 << 10, maxHeaderListSize: 64 << 10, maxHeaderFieldCount: 200))
    }

    private static func configuration(_ identity: TLSIdentity) throws -> TLSConfiguration {
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: try NIOSSLCertificate.fromPEMBytes(identity.certificateChain).map { .certificate($0) },
            privateKey: .privateKey(try NIOSSLPrivateKey(bytes: identity.privateKey, format: .pem)))
        // HTTP/2's windows are fixed at 64 KiB in this stack: an upload over a long line would crawl.
        configuration.applicationProtocols = ["http/1.1"]
        return configuration
    }

    // MARK: One request

    @concurrent private func serve(
        _ request: Request, _ writer: consuming ResponseWriter, _ channel: any Channel, _ turns: BodyTurns?
    ) async throws {
        let start = ContinuousClock.now
        let id = numbers.next()
        var logger = logger
        logger[metadataKey: "request.id"] = "\(id)"
        let trace = TraceContext(of: request)
        if let trace { logger[metadataKey: "trace.id"] = "\(trace.traceID)" }
        let web = WebRequest(request, id: id, channel: channel)
        let origin = RequestOrigin(
            address: channel.remoteAddress?.ipAddress, isSecure: settings.tls != nil,
            userAgent: request.headers[.userAgent])
        let reply = await withLogger(logger) { _ in
            await RequestOrigin.$current.withValue(origin) {
                // Without a trace, which is nearly always, the binding is not paid for.
                trace == nil ? await answer(web) : await TraceContext.$current.withValue(trace) { await answer(web) }
            }
        }
        if case .cut = reply.body {
            logger.debug("Request abandoned", metadata: facts(web, reply, start, bytes: 0, channel))
            metrics.count(reply.label, method: web.method, status: 499, bytes: 0, took: .now - start)
            throw web.body.failure ?? CancellationError()
        }
        var head = HTTPResponse(status: reply.status, headerFields: reply.headers)
        head.headerFields[.date] = date.now
        do {
            let bytes = try await ReplyWriter(channel: channel, turns: turns, isSecure: settings.tls != nil).write(
                head, reply.body, isHead: web.method == .head, to: writer)
            metrics.count(reply.label, method: web.method, status: reply.status.code, bytes: bytes, took: .now - start)
            if logger.logLevel <= .debug {
                logger.debug("Request answered", metadata: facts(web, reply, start, bytes: bytes, channel))
            }
        } catch {
            metrics.count(reply.label, method: web.method, status: 499, bytes: 0, took: .now - start)
            report(error, logger, facts(web, reply, start, bytes: 0, channel))
            throw CancellationError()
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
        _ request: WebRequest, _ reply: Reply, _ start: ContinuousClock.Instant, bytes: Int64, _ channel: any Channel
    ) -> Logger.Metadata {
        // The path without its query, which may hold a signature.
        [
            "http.method": "\(request.method)", "http.path": "\(request.rawPath)",
            "http.status": "\(reply.status.code)", "http.door": "\(reply.label.door)",
            "http.route": "\(reply.label.route)", "http.bytes": "\(bytes)", "http.seconds": "\(ContinuousClock.now - start)",
            "client.address": "\(channel.remoteAddress?.description ?? "")",
        ]
    }
}

extension TraceContext {
    /// The trace that a request came with, and a span of ours in it.
    fileprivate init?(of request: Request) {
        guard let parent = request.headers[.traceparent],
            let context = TraceContext(traceparent: parent, tracestate: request.headers[.tracestate])
        else { return nil }
        self = context.child()
    }
}

extension HTTPField.Name {
    fileprivate static let traceparent = constant("traceparent")
    fileprivate static let tracestate = constant("tracestate")
}

extension WebRequest {
    fileprivate init(_ request: Request, id: String, channel: any Channel) {
        var sendContinue: (@Sendable () -> Void)?
        if request.head.awaitsContinue {
            sendContinue = {
                let head = HTTPResponsePart.head(HTTPResponse(status: .`continue`))
                channel.writeAndFlush(head, promise: nil)
            }
        }
        self.init(
            id: id, method: request.method, target: request.head.path ?? "", authority: request.head.authority,
            headers: request.headers,
            body: RequestBytes(
                request.body, declaredLength: request.head.declaredLength, sendContinue: sendContinue))
    }
}
