import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOSSL
import WeirCore
import WeirSigV4
import WeirUpstream

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A running server's API over HTTP. Redirects are not followed: a signed call goes to the server that was named, or nowhere.
struct ServerConnection: ServerAPI {
    private static let maxAnswer = 64 << 20

    private let url: OutboundURL
    private let timeout: TimeAmount
    private let http: HTTPClient
    /// As it was named, which image names may begin with.
    let host: String

    /// - Parameters:
    ///   - endpoint: the server's URL.
    ///   - authorities: files in PEM form that are trusted besides the machine's own.
    ///   - timeout: for a whole call.
    init(endpoint: String, authorities: [String], timeout: TimeAmount) throws(CommandProblem) {
        guard let url = try? OutboundURL(endpoint), url.query == nil, let written = URLComponents(string: endpoint) else {
            throw CommandProblem("'\(endpoint)' is not a server's URL: http://HOST:PORT or https://HOST[:PORT]")
        }
        self.url = url
        self.timeout = timeout
        host = (written.host ?? "\(url.host)") + (written.port.map { ":\($0)" } ?? "")
        var tls = TLSConfiguration.makeClientConfiguration()
        for authority in authorities {
            guard let roots = try? NIOSSLCertificate.fromPEMFile(authority) else {
                throw CommandProblem("the file '\(authority)' holds no certificates in PEM form")
            }
            tls.additionalTrustRoots.append(.certificates(roots))
        }
        var configuration = HTTPClient.Configuration(
            tlsConfiguration: tls, redirectConfiguration: .disallow, timeout: .init(connect: .seconds(10)))
        configuration.httpVersion = .http1Only
        // Otherwise the library retries for ten seconds, and then reports its own time-out instead of the connection's failure.
        configuration.connectionPool.retryConnectionEstablishment = false
        http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    var server: String { "\(url.scheme.rawValue)://\(host)" }
    var isPrivate: Bool { url.scheme == .https || url.host.isLoopback }
    private var advice: ServerAdvice { ServerAdvice(server: server, scheme: url.scheme.rawValue, host: host) }

    func close() async { try? await http.shutdown() }

    func post(_ call: APIRequest, signedBy key: SigV4Credential?, in region: String) async throws -> APIAnswer {
        var headers = [(name: "Host", value: host), (name: "Content-Type", value: call.contentType)]
        if let target = call.target { headers.append((name: "X-Amz-Target", value: target)) }
        if let key {
            headers += SigV4.sign(
                SignableRequest(method: "POST", rawPath: url.path, rawQuery: "", headers: headers),
                payloadHash: SigV4.payloadHash(call.body.utf8), credential: key, region: region, service: call.service,
                at: SigV4Time(seconds: MachineClock.wall.now.microseconds / 1_000_000))
        }
        var request = HTTPClientRequest(url: "\(server)\(url.path)")
        request.method = .POST
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        request.headers.add(name: "Accept", value: "application/json")
        request.body = .bytes(ByteBuffer(string: call.body))
        let status: HTTPResponseStatus
        let answer: ByteBuffer
        do {
            let response = try await http.execute(request, timeout: timeout)
            status = response.status
            answer = try await response.body.collect(upTo: Self.maxAnswer)
        } catch is NIOTooManyBytesError {
            throw CommandProblem("the answer of the server at \(server) is longer than \(Self.maxAnswer >> 20) MiB")
        } catch {
            throw advice.problem(await ConnectionFailure.of(error, at: server, by: MachineClock.wall))
        }
        guard let document = try? JSONValue(parsing: answer.readableBytesView) else {
            throw advice.isNoWeir(status: status.code)
        }
        return APIAnswer(status: status.code, document: document)
    }
}

/// The machine's clock.
enum MachineClock {
    static let wall = WallClock {
        Timestamp(microseconds: Int64(saturating: (Date().timeIntervalSince1970 * 1_000_000).rounded()))
    }
}
