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

/// A client of a running server's signed API.
struct OperatorClient: Sendable {
    /// The longest a call may take. Longer work is started by one call and polled by others.
    private static let timeout = TimeAmount.seconds(300)
    private static let maxAnswer = 64 << 20

    private let url: URLComponents
    private let credentials: OperatorCredentials
    private let region: String
    private let http: HTTPClient

    init(endpoint: String, credentials: OperatorCredentials, region: String, authorities: [String]) throws(CommandProblem) {
        guard let url = URLComponents(string: endpoint), ["http", "https"].contains(url.scheme), url.host != nil else {
            throw CommandProblem("'\(endpoint)' is not a server's URL: http://HOST:PORT or https://HOST[:PORT]")
        }
        self.url = url
        self.credentials = credentials
        self.region = region
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

    /// The registry's host as the operator wrote it, which image names may begin with.
    var host: String { (url.host ?? "") + (url.port.map { ":\($0)" } ?? "") }

    /// The URL without its path.
    private var server: String { "\(url.scheme ?? "http")://\(host)" }

    private var advice: ServerAdvice { ServerAdvice(server: server, scheme: url.scheme ?? "http", host: host) }

    func close() async { try? await http.shutdown() }

    /// Throws `OperatorRefusal` if the server refuses, `CommandProblem` if it cannot be reached.
    func call(_ operation: String, _ input: JSONValue) async throws -> JSONValue {
        let body = input.text
        let headers = [
            (name: "Host", value: host), (name: "Content-Type", value: "application/x-amz-json-1.1"),
            (name: "X-Amz-Target", value: "Weir_20261122.\(operation)"),
        ]
        let path = url.percentEncodedPath.isEmpty ? "/" : url.percentEncodedPath
        let signed = SigV4.sign(
            SignableRequest(method: "POST", rawPath: path, rawQuery: "", headers: headers),
            payloadHash: SigV4.payloadHash(body.utf8), credential: credentials.key, region: region, service: "ecr",
            at: SigV4Time(seconds: Self.clock.now.microseconds / 1_000_000))
        var request = HTTPClientRequest(url: "\(server)\(path)")
        request.method = .POST
        for (name, value) in headers + signed { request.headers.add(name: name, value: value) }
        request.body = .bytes(ByteBuffer(string: body))
        let status: HTTPResponseStatus
        let answer: ByteBuffer
        do {
            let response = try await http.execute(request, timeout: Self.timeout)
            status = response.status
            answer = try await response.body.collect(upTo: Self.maxAnswer)
        } catch is NIOTooManyBytesError {
            throw CommandProblem("the answer of the server at \(server) is longer than \(Self.maxAnswer >> 20) MiB")
        } catch {
            throw advice.problem(await ConnectionFailure.of(error, at: server, by: Self.clock))
        }
        guard let document = try? JSONValue(parsing: answer.readableBytesView) else {
            throw advice.isNoWeir(status: status.code)
        }
        guard status == .ok else { throw refusal(document) }
        return document
    }

    /// As `call`; nil if the caller lacks the permission.
    func callIfAllowed(_ operation: String, _ input: JSONValue) async throws -> JSONValue? {
        do { return try await call(operation, input) } catch let refusal as OperatorRefusal
            where refusal.code == "AccessDeniedException"
        {
            return nil
        }
    }

    private func refusal(_ document: JSONValue) -> any Error {
        let refusal = OperatorRefusal(document)
        let explained = credentials.explanation(of: refusal.code, refusal.message, by: server)
        return explained.map { CommandProblem($0) } ?? refusal
    }

    private static let clock = WallClock {
        Timestamp(microseconds: Int64(saturating: (Date().timeIntervalSince1970 * 1_000_000).rounded()))
    }
}

/// The server refused a call.
struct OperatorRefusal: Error, CustomStringConvertible {
    /// The exception's name.
    let code: String
    let message: String

    init(_ document: JSONValue) {
        code = document.text(of: "__type") ?? "Refused"
        message = document.text(of: "message") ?? document.text(of: "Message") ?? ""
    }

    var description: String { message.isEmpty ? code : "\(message) (\(code))" }
}
