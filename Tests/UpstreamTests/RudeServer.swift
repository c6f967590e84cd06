import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A request as a `RudeServer` saw it.
struct SeenRequest: Sendable {
    let method: String
    let uri: String
    let headers: HTTPHeaders

    var path: String { String(uri.prefix { $0 != "?" }) }
    var query: String { String(uri.drop { $0 != "?" }.dropFirst()) }
    func header(_ name: String) -> String? { headers.first(name: name) }
}

extension linger {
    static var now: linger { linger(l_onoff: 1, l_linger: 0) }
}

/// What a `RudeServer` sends: raw bytes, so that they may break every rule.
struct Reply: Sendable {
    enum Ending: Sendable { case keepOpen, close, reset }

    var bytes: String
    var body: ByteBuffer = ByteBuffer()
    var delay: Duration = .zero
    var ending: Ending = .keepOpen

    /// A correct answer, except for `length` where one is given.
    init(
        _ status: Int, _ headers: [(String, String)] = [], _ body: String = "", length: Int? = nil,
        delay: Duration = .zero, ending: Ending = .keepOpen
    ) {
        self.init(status, headers, ByteBuffer(string: body), length: length, delay: delay, ending: ending)
    }

    init(
        _ status: Int, _ headers: [(String, String)] = [], _ body: ByteBuffer, length: Int? = nil,
        delay: Duration = .zero, ending: Ending = .keepOpen
    ) {
        var head = "HTTP/1.1 \(status) Whatever\r\n"
        for (name, value) in headers { head += "\(name): \(value)\r\n" }
        if !headers.contains(where: { $0.0 == "Transfer-Encoding" }) {
            head += "Content-Length: \(length ?? body.readableBytes)\r\n"
        }
        bytes = head + "\r\n"
        self.body = body
        self.delay = delay
        self.ending = ending
    }

    /// Exactly these bytes.
    init(raw: String, ending: Ending = .close) {
        bytes = raw
        self.ending = ending
    }

    /// No answer, ever.
    static let silence = Reply(raw: "", ending: .keepOpen)

    static func json(_ text: String) -> Reply { Reply(200, [("Content-Type", "application/json")], text) }
    static func challenge(_ text: String) -> Reply { Reply(401, [("WWW-Authenticate", text)]) }
    static func redirect(_ location: String, _ status: Int = 307) -> Reply { Reply(status, [("Location", location)]) }
}

/// A registry without manners: an HTTP server on the loopback that records its requests and answers as it is told.
final class RudeServer: Sendable {
    typealias Answering = @Sendable (SeenRequest) -> Reply

    private let channel: any Channel
    let host: String
    let scheme: String
    private let log: Log

    final class Log: Sendable {
        let requests = Mutex<[SeenRequest]>([])
        let connections = Mutex<Int>(0)
        let answering: Answering

        init(_ answering: @escaping Answering) { self.answering = answering }
    }

    init(
        host: String = "127.0.0.1", certificate: String? = nil, _ answering: @escaping Answering
    ) async throws {
        let log = Log(answering)
        var tls: NIOSSLContext?
        if let certificate {
            let chain = try NIOSSLCertificate.fromPEMBytes(Array(certificate.utf8))
            let key = try NIOSSLPrivateKey(bytes: Array(TestCertificates.key.utf8), format: .pem)
            tls = try NIOSSLContext(
                configuration: .makeServerConfiguration(
                    certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key)))
        }
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { [tls] channel in
                channel.eventLoop.makeCompletedFuture {
                    log.connections.withLock { $0 += 1 }
                    let pipeline = channel.pipeline.syncOperations
                    if let tls { try pipeline.addHandler(NIOSSLServerHandler(context: tls)) }
                    try pipeline.addHandler(ByteToMessageHandler(HTTPRequestDecoder()))
                    try pipeline.addHandler(Handler(log))
                }
            }
            .bind(host: host, port: 0).get()
        self.host = host
        self.scheme = certificate == nil ? "http" : "https"
        self.log = log
    }

    var port: Int { channel.localAddress?.port ?? 0 }
    var url: String { "\(scheme)://\(host):\(port)" }
    var requests: [SeenRequest] { log.requests.withLock { $0 } }
    var connections: Int { log.connections.withLock { $0 } }
    func requests(to path: String) -> [SeenRequest] { requests.filter { $0.path == path } }

    func stop() async { try? await channel.close() }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = ByteBuffer

        private let log: Log
        private var head: HTTPRequestHead?

        init(_ log: Log) { self.log = log }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head): self.head = head
            case .body: break
            case .end:
                guard let head else { return }
                let seen = SeenRequest(method: head.method.rawValue, uri: head.uri, headers: head.headers)
                log.requests.withLock { $0.append(seen) }
                send(log.answering(seen), on: context.channel, isHead: head.method == .HEAD)
            }
        }

        private func send(_ reply: Reply, on channel: any Channel, isHead: Bool) {
            channel.eventLoop.scheduleTask(in: TimeAmount(reply.delay)) {
                var bytes = ByteBuffer(string: reply.bytes)
                if !isHead { bytes.writeImmutableBuffer(reply.body) }
                let written = channel.writeAndFlush(bytes)
                switch reply.ending {
                case .keepOpen: break
                case .close: written.whenComplete { _ in channel.close(promise: nil) }
                case .reset:
                    // Lingering for no time at all makes the kernel send RST.
                    written.flatMap { (channel as? any SocketOptionProvider)?.setSoLinger(.now) ?? written }
                        .whenComplete { _ in channel.close(promise: nil) }
                }
            }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}
