import HTTPTypes
import NIOCore
package import WeirCore
package import WeirIdentity
package import WeirRegistry

/// The doors of the house on one port, and who is shown to which: by the path, then by what makes a request an AWS call.
package struct Doors: Sendable {
    private let aws: AWSDoor
    private let distribution: DistributionDoor
    private let `operator`: OperatorDoor

    /// - Parameter isReady: what `/healthz` answers: false while the server starts, and once it has been told to stop.
    package init(
        aws: AWSDoor, registry: Registry, tokens: RegistryTokens, settings: WebSettings, metrics: PrometheusRegistry,
        clock: WallClock, audit: AuditLog = .none, isReady: @escaping @Sendable () -> Bool
    ) {
        self.aws = aws
        distribution = DistributionDoor(
            registry: registry, tokens: tokens, publicHost: settings.publicHost, clock: clock, audit: audit)
        `operator` = OperatorDoor(metrics: metrics, isReady: isReady)
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
        var call = AWSRequest(
            method: request.method.rawValue, rawPath: request.rawPath, rawQuery: request.rawQuery, headers: headers,
            body: ByteBuffer())
        let isKnown = aws.knowsSigner(of: call)
        let limit = isKnown ? AWSDoor.maxBodySize : AWSDoor.maxStrangersBodySize
        let body: ByteBuffer?
        do { body = try await request.body.collect(upTo: limit) } catch { return .cut(label) }
        if let body { call.body = body }
        // A stranger is refused before anybody looks at the body.
        let response = body == nil && isKnown ? aws.tooLarge(call) : await aws.respond(to: call)
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
