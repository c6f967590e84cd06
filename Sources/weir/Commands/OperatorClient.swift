import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import NIOSSL
import WeirCore
import WeirSigV4
import WeirWeb

/// Speaks to a running server over its signed API: one call, one answer.
struct OperatorClient: Sendable {
    /// The longest a call may take: what takes longer is started by one call and asked about by others.
    private static let timeout = TimeAmount.seconds(300)
    private static let maxAnswer = 64 << 20

    private let url: URLComponents
    private let credentials: OperatorCredentials
    private let region: String
    private let http: HTTPClient

    init(endpoint: String, credentials: OperatorCredentials, region: String, authority: String?) throws(StartProblem) {
        guard let url = URLComponents(string: endpoint), ["http", "https"].contains(url.scheme), url.host != nil else {
            throw StartProblem("'\(endpoint)' is not a server's URL: http://HOST:PORT or https://HOST[:PORT]")
        }
        self.url = url
        self.credentials = credentials
        self.region = region
        var tls = TLSConfiguration.makeClientConfiguration()
        if let authority {
            guard let roots = try? NIOSSLCertificate.fromPEMFile(authority) else {
                throw StartProblem("the file '\(authority)' holds no certificates in PEM form")
            }
            tls.additionalTrustRoots = [.certificates(roots)]
        }
        var configuration = HTTPClient.Configuration(
            tlsConfiguration: tls, redirectConfiguration: .disallow, timeout: .init(connect: .seconds(10)))
        configuration.httpVersion = .http1Only
        http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    /// The registry's host as the person wrote it, to be taken off in front of image names.
    var host: String { (url.host ?? "") + (url.port.map { ":\($0)" } ?? "") }

    func close() async { try? await http.shutdown() }

    /// Throws `OperatorRefusal` where the server says no, `StartProblem` where it cannot be asked.
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
            at: SigV4Time(seconds: Int64(saturating: Date().timeIntervalSince1970)))
        var request = HTTPClientRequest(url: "\(url.scheme ?? "http")://\(host)\(path)")
        request.method = .POST
        for (name, value) in headers + signed { request.headers.add(name: name, value: value) }
        request.body = .bytes(ByteBuffer(string: body))
        let status: Int
        let answer: ByteBuffer
        do {
            let response = try await http.execute(request, timeout: Self.timeout)
            status = Int(response.status.code)
            answer = try await response.body.collect(upTo: Self.maxAnswer)
        } catch {
            throw StartProblem("the server at \(url.scheme ?? "http")://\(host) cannot be asked: \(error)")
        }
        guard let document = try? JSONValue(parsing: answer.readableBytesView) else {
            throw StartProblem("what answers at \(host) is no Weir (status \(status))")
        }
        guard status == 200 else { throw OperatorRefusal(document) }
        return document
    }
}

/// The server said no.
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
