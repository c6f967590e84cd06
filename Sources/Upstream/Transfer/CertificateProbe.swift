import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS
import WeirCore

/// Finds out why a certificate was not trusted.
///
/// The TLS library says only that verification failed. An operator needs to know whether the certificate has expired or its
/// authority is unknown. So this connects once more with verification off, reads the certificate, sends nothing and closes.
struct CertificateProbe: Sendable {
    let group: any EventLoopGroup
    let clock: WallClock
    let timeout: Duration

    /// A sentence's end such as "its certificate has expired", or nil where nothing more could be found out.
    func reason(at url: OutboundURL, on pool: Connections.Pool) async -> String? {
        guard let certificate = try? await certificate(at: url, on: pool).get() else { return nil }
        let now = clock.now.microseconds / 1_000_000
        if Int64(certificate.notValidAfter) < now { return "its certificate has expired" }
        if Int64(certificate.notValidBefore) > now { return "its certificate is not valid yet" }
        return "its certificate is not trusted: its authority is unknown here"
    }

    private func certificate(
        at url: OutboundURL, on pool: Connections.Pool
    ) -> EventLoopFuture<NIOSSLCertificate> {
        let host = url.host.connectName
        let deadline = TimeAmount(timeout)
        return ClientBootstrap(group: group).connectTimeout(deadline).connect(host: host, port: url.port)
            .flatMap { channel in
                if pool == .open, Connections.objection(to: channel) != nil {
                    return channel.close().flatMapThrowing { throw ChannelError.ioOnClosedChannel }
                }
                let promise = channel.eventLoop.makePromise(of: NIOSSLCertificate.self)
                do {
                    var tls = TLSConfiguration.makeClientConfiguration()
                    tls.certificateVerification = .none
                    let context = try NIOSSLContext(configuration: tls)
                    var serverName: String?
                    if case .name(let name) = url.host { serverName = name }
                    let handler = try NIOSSLClientHandler(context: context, serverHostname: serverName)
                    try channel.pipeline.syncOperations.addHandler(handler)
                    try channel.pipeline.syncOperations.addHandler(Reader(promise: promise))
                } catch {
                    promise.fail(error)
                }
                let timer = channel.eventLoop.scheduleTask(in: deadline) {
                    promise.fail(ChannelError.connectTimeout(deadline))
                }
                promise.futureResult.whenComplete { _ in
                    timer.cancel()
                    channel.close(promise: nil)
                }
                return promise.futureResult
            }
    }

    private final class Reader: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let promise: EventLoopPromise<NIOSSLCertificate>

        init(promise: EventLoopPromise<NIOSSLCertificate>) { self.promise = promise }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if case .handshakeCompleted = event as? TLSUserEvent,
                let certificate = try? context.pipeline.syncOperations.nioSSL_peerCertificate()
            {
                promise.succeed(certificate)
            }
            context.fireUserInboundEventTriggered(event)
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { promise.fail(error) }

        func channelInactive(context: ChannelHandlerContext) { promise.fail(ChannelError.eof) }
    }
}
