import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import WeirCore

/// The sockets: sends one request once, and follows no redirect.
///
/// **Addresses.** async-http-client has no hook in which a name's addresses could be vetted, and its `dnsOverride`, which would
/// pin a name to one of them, is fixed for the life of a client and gives up trying a host's other addresses. So connections are
/// made by name, as usual (all addresses tried, TLS checked against the name), and the hook that gives access to a new connection
/// looks at the address it got: one that the guard objects to is closed before a request is written to it. Upstreams that may be
/// private have a client, and so a pool, of their own (`Pool.trusted`); on the other no connection to a private address can
/// exist.
///
/// **Reads.** The same hook raises the largest read, which is 64 KiB by default.
final class Connections: Sendable {
    /// Which addresses a request may reach.
    enum Pool: Sendable {
        /// Public addresses only.
        case open
        case trusted
    }

    /// The guard does not allow the address that the connection reached.
    struct AddressRefused: Error {
        let objection: String
    }

    private let open: HTTPClient
    private let trusted: HTTPClient
    private let timeouts: UpstreamSettings.Timeouts
    private let userAgent: String
    /// TLS settings of hosts with authorities of their own, by host or by host and port.
    private let tlsByHost: [String: TLSConfiguration]

    init(_ settings: UpstreamSettings, group: any EventLoopGroup) throws(UpstreamSettingsError) {
        let tls: TLSConfiguration
        do {
            tls = try Self.tls(settings)
            tlsByHost = try settings.trustRootsByHost.reduce(into: [:]) { all, entry in
                all[entry.key.lowercased()] = try Self.tls(settings, entry.value)
            }
        } catch {
            throw UpstreamSettingsError(problems: ["the trusted authorities cannot be read"])
        }
        timeouts = settings.timeouts
        userAgent = settings.userAgent
        open = Self.client(settings, tls, group, judging: true)
        trusted = Self.client(settings, tls, group, judging: false)
    }

    /// Sends the request. Returns when the head of the answer is there.
    func send(_ request: OutboundRequest, on pool: Pool) async throws -> HTTPClientResponse {
        var message = HTTPClientRequest(url: request.url.wire)
        message.method = request.method
        message.headers = request.headers
        message.headers.replaceOrAdd(name: "User-Agent", value: userAgent)
        if let body = request.body { message.body = .bytes(body) }
        if !tlsByHost.isEmpty {
            message.tlsConfiguration =
                tlsByHost["\(request.url.host):\(request.url.port)"] ?? tlsByHost["\(request.url.host)"]
        }
        let client = pool == .open ? open : trusted
        do {
            return try await client.execute(message, timeout: TimeAmount(timeouts.head))
        } catch  where Self.isStale(error) {
            // Upstream closed a kept connection just as it was used again. The request changes nothing, so it may be sent again:
            // once, since a server that always hangs up would be asked for ever.
            return try await client.execute(message, timeout: TimeAmount(timeouts.head))
        }
    }

    func shutdown() async {
        try? await open.shutdown()
        try? await trusted.shutdown()
    }

    private static func isStale(_ error: any Error) -> Bool {
        if let error = error as? HTTPClientError { return error == .remoteConnectionClosed }
        if let error = error as? IOError { return error.errnoCode == ECONNRESET || error.errnoCode == EPIPE }
        return (error as? ChannelError) == .ioOnClosedChannel
    }

    private static func client(
        _ settings: UpstreamSettings, _ tls: TLSConfiguration, _ group: any EventLoopGroup, judging: Bool
    ) -> HTTPClient {
        var configuration = HTTPClient.Configuration(
            tlsConfiguration: tls, redirectConfiguration: .disallow,
            // `ConnectionWatch` limits silence: the library's own time-out runs also while we do not read.
            timeout: .init(connect: TimeAmount(settings.timeouts.connect)),
            connectionPool: .init(
                idleTimeout: .seconds(30),
                concurrentHTTP1ConnectionsPerHostSoftLimit: settings.connectionsPerHost),
            decompression: .disabled)
        configuration.httpVersion = .http1Only
        // A refused connection is an answer. `Retries` decides whether to try again.
        configuration.connectionPool.retryConnectionEstablishment = false
        let maxReadBytes = max(settings.maxReadBytes, 64 * 1024)
        configuration.http1_1ConnectionDebugInitializer = { channel in
            if judging, let objection = objection(to: channel) {
                channel.close(promise: nil)
                return channel.eventLoop.makeFailedFuture(AddressRefused(objection: objection))
            }
            let watch = ConnectionWatch(
                idle: settings.timeouts.idle, minimumBytesPerSecond: settings.minimumBytesPerSecond,
                window: settings.progressWindow)
            do { try channel.pipeline.syncOperations.addHandler(watch, position: .first) } catch {
                return channel.eventLoop.makeFailedFuture(error)
            }
            let reads = AdaptiveRecvByteBufferAllocator(minimum: 16 * 1024, initial: 64 * 1024, maximum: maxReadBytes)
            return channel.setOption(.recvAllocator, value: reads)
        }
        return HTTPClient(eventLoopGroupProvider: .shared(group), configuration: configuration)
    }

    /// Why nothing may be sent on `channel` to a public upstream, or nil.
    static func objection(to channel: any Channel) -> String? {
        guard let address = channel.remoteAddress.flatMap({ IPAddress($0) }) else { return "its address is unknown" }
        return address.objection.map { "its address \(address) is \($0)" }
    }

    private static func tls(_ settings: UpstreamSettings, _ own: String? = nil) throws -> TLSConfiguration {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv12
        if let path = settings.systemTrustRoots { tls.trustRoots = .file(path) }
        tls.additionalTrustRoots = try [settings.additionalTrustRoots, own].compactMap { $0 }.map {
            .certificates(try NIOSSLCertificate.fromPEMFile($0))
        }
        return tls
    }
}
