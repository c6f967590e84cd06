import HTTPTypes
import NIOCore
package import WeirCore
package import WeirIdentity
package import WeirRegistry
package import WeirServer
import WeirSigV4

/// The doors of the house on one port, and who is shown to which: by the path, then by what makes a request an AWS call.
package final class Router: Sendable {
    private let aws: AWSDoor
    private let distribution: DistributionDoor
    private let `operator`: OperatorDoor
    let isReady: @Sendable () -> Bool

    /// - Parameter isReady: what `/healthz` answers: false while the server starts, and once it has been told to stop.
    package init(
        aws: AWSDoor, registry: Registry, tokens: RegistryTokens, settings: WebSettings, metrics: PrometheusRegistry,
        clock: WallClock, audit: AuditLog = .none, strangers: Strangers, isReady: @escaping @Sendable () -> Bool
    ) {
        self.aws = aws
        distribution = DistributionDoor(
            registry: registry, tokens: tokens, publicHost: settings.publicHost, publicScheme: settings.publicScheme,
            home: settings.anonymousPulls, clock: clock, audit: audit, strangers: strangers)
        self.isReady = isReady
        `operator` = OperatorDoor(
            metrics: metrics, access: settings.metricsAccess, version: settings.version, isReady: isReady)
    }

    package func answer(_ request: WebRequest) async -> Reply {
        let path = request.rawPath
        if path == "/v2" || path.hasPrefix("/v2/") { return await distribution.answer(request) }
        if let reply = `operator`.answer(request) { return reply }
        let isAWS = AWSDoor.isMeant(
            target: request.headers[.amzTarget], authorization: request.headers[.authorization],
            contentType: request.headers[.contentType], rawQuery: request.rawQuery)
        if isAWS || (path == "/" && request.method == .post) { return await answerAWS(request) }
        return other(request)
    }

    private func answerAWS(_ request: WebRequest) async -> Reply {
        let label = RouteLabel(.aws, .call)
        var headers = request.headers.map { (name: $0.name.rawName, value: $0.value) }
        // The first Host is kept apart; the signature covers it.
        if let authority = request.authority { headers.insert((name: "Host", value: authority), at: 0) }
        let call = AWSRequest(
            method: request.method.rawValue, rawPath: request.rawPath, rawQuery: request.rawQuery, headers: headers,
            body: ByteBuffer())
        switch await aws.admit(call) {
        case .refused(let response): return Self.reply(response, label)
        case .welcome(let visit):
            if visit.isProved { request.body.prove() }
            var hash = PayloadHash()
            do {
                let response = try await request.body.withWhole(upTo: visit.maxBodySize, look: { hash.update($0) }) { body in
                    guard let body else { return aws.refuse(AWSDoor.tooLarge(visit), visit) }
                    return await aws.respond(to: visit, body: body, bodyHash: hash.hexadecimal) { request.body.prove() }
                }
                return Self.reply(response, label)
            } catch let refusal as Refusal {
                return Self.reply(aws.refuse(refusal, visit), label)
            } catch {
                return .cut(label)
            }
        }
    }

    private static func reply(_ response: AWSResponse, _ label: RouteLabel) -> Reply {
        var fields = HTTPFields()
        for (name, value) in response.headers {
            if let name = HTTPField.Name(name) { fields.append(HTTPField(name: name, value: value)) }
        }
        return Reply(HTTPResponse.Status(code: response.status), fields, .bytes(response.body), label: label)
    }

    private func other(_ request: WebRequest) -> Reply {
        guard request.rawPath == "/", request.method == .get || request.method == .head else {
            return .text(
                .notFound,
                "Nothing is here. Container clients use /v2/, AWS clients send signed requests to /.", label: .unknown)
        }
        return .text(
            .ok,
            """
            This is Weir, a container registry that speaks Amazon ECR.
            AWS clients use this address as their endpoint; container clients sign in here with
            aws ecr get-login-password | docker login --username AWS --password-stdin HOST
            """, label: RouteLabel(.none, .root))
    }
}

extension HTTPField.Name {
    static let amzTarget = constant("X-Amz-Target")
}

extension PayloadHash {
    mutating func update(_ part: ByteBuffer) { part.withUnsafeReadableBytes { update($0) } }
}
