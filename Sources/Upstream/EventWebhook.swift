import AsyncHTTPClient
import Crypto
package import Logging
package import NIOCore
import NIOHTTP1
import NIOSSL
import Synchronization
import WeirCore
import WeirText

/// Posts events, one JSON object each, to the one URL that the settings name.
///
/// The operator chose the URL, so it may be private. No redirect is followed, and the answer's body is thrown away. The queue is
/// bounded and `take` never waits: an event that does not fit, or that three tries could not deliver, is dropped and reported to
/// `dropped`. Events arrive in their order, each at least once or never. The log and the errors show only the URL's host: the
/// rest may be a secret.
package final class EventWebhook: LineSink {
    private static let timeout = TimeAmount.seconds(10)
    /// Waits before the second and the third try.
    private static let pauses = [Duration.milliseconds(500), .seconds(3)]

    private let url: OutboundURL
    private let key: SymmetricKey?
    private let client: HTTPClient
    private let lines: AsyncStream<String>
    private let writer: AsyncStream<String>.Continuation
    private let isClosing = Atomic(false)
    private let dropped: @Sendable () -> Void
    private let logger: Logger

    /// - Parameters:
    ///   - secret: signs each body: `X-Weir-Signature: sha256=` and the HMAC-SHA256 in hexadecimal digits.
    ///   - additionalTrustRoots: a PEM file.
    ///   - capacity: events that may wait.
    package init(
        url: String, secret: String?, additionalTrustRoots: String?, logger: Logger, capacity: Int = 1_000,
        eventLoopGroup: any EventLoopGroup = HTTPClient.defaultEventLoopGroup,
        dropped: @escaping @Sendable () -> Void
    ) throws(UpstreamSettingsError) {
        do throws(URLRefusal) { self.url = try OutboundURL(url) } catch {
            throw UpstreamSettingsError(problems: ["the webhook's URL \(error.reason)"])
        }
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv12
        if let path = additionalTrustRoots {
            guard let roots = try? NIOSSLCertificate.fromPEMFile(path) else {
                throw UpstreamSettingsError(problems: ["the trusted authorities cannot be read"])
            }
            tls.additionalTrustRoots = [.certificates(roots)]
        }
        key = secret.map { SymmetricKey(data: Array($0.utf8)) }
        var configuration = HTTPClient.Configuration(
            tlsConfiguration: tls, redirectConfiguration: .disallow,
            timeout: .init(connect: .seconds(5), read: Self.timeout), decompression: .disabled)
        configuration.httpVersion = .http1Only
        client = HTTPClient(eventLoopGroupProvider: .shared(eventLoopGroup), configuration: configuration)
        (lines, writer) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(capacity))
        self.dropped = dropped
        self.logger = logger
    }

    package func take(_ line: String) {
        if case .enqueued = writer.yield(line) { return }
        dropped()
    }

    /// Posts until `close()`, then what is still queued, with one try for each.
    package func run() async {
        for await line in lines { await deliver(line) }
        try? await client.shutdown()
    }

    package func close() {
        isClosing.store(true, ordering: .relaxed)
        writer.finish()
    }

    private func deliver(_ line: String) async {
        var reason = ""
        for attempt in 0...Self.pauses.count {
            do {
                let status = try await post(line)
                if (200..<300).contains(status) { return }
                reason = "it answered \(status)"
                // An event that the receiver understood and refused would be refused again.
                if (400..<500).contains(status), status != 408, status != 429 { break }
            } catch {
                reason = "it could not be reached: \(Fault(error, timeouts: nil).detail)"
            }
            guard attempt < Self.pauses.count, !isClosing.load(ordering: .relaxed) else { break }
            guard (try? await Task.sleep(for: Self.pauses[attempt])) != nil else { break }
        }
        dropped()
        logger.warning("An event could not be posted", metadata: ["webhook.host": "\(url.host)", "reason": "\(reason)"])
    }

    private func post(_ line: String) async throws -> Int {
        var request = HTTPClientRequest(url: url.wire)
        request.method = .POST
        request.headers = ["Content-Type": "application/json", "User-Agent": WeirVersion.userAgent()]
        if let key {
            let code = HMAC<SHA256>.authenticationCode(for: Array(line.utf8), using: key)
            request.headers.add(name: "X-Weir-Signature", value: "sha256=\(Hex.encode(Array(code)))")
        }
        request.body = .bytes(ByteBuffer(string: line))
        let response = try await client.execute(request, timeout: Self.timeout)
        // Reads 64 KiB of the answer at most, so that the connection can be used again.
        _ = try? await response.body.collect(upTo: 64 * 1024)
        return Int(response.status.code)
    }
}
