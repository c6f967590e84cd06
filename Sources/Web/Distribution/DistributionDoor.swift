import HTTPTypes
import Logging
import NIOCore
package import WeirCore
package import WeirIdentity
package import WeirRegistry
package import WeirServer

/// The door for container clients: the OCI distribution API under `/v2/`, with ECR's authentication, errors and texts.
///
/// The caller is authenticated before the path is parsed, so that a stranger learns nothing of what is here.
package final class DistributionDoor: Sendable {
    private let api: DistributionAPI
    private let tokens: RegistryTokens
    private let publicHost: String
    private let publicScheme: String
    private let anonymousHome: RegistryID?
    private let clock: WallClock
    private let audit: AuditLog
    private let strangers: Strangers

    /// - Parameters:
    /// - publicHost: `host[:port]` for the challenge, where the client's `Host` names no registry.
    /// - publicScheme: the scheme by which clients reach it: `https` or `http`.
    /// - home: the registry that clients without a login read from; nil where they may not.
    package init(
        registry: Registry, tokens: RegistryTokens, publicHost: String, publicScheme: String = "https",
        home: RegistryID? = nil, clock: WallClock, audit: AuditLog = .none, strangers: Strangers
    ) {
        api = DistributionAPI(registry: registry)
        self.tokens = tokens
        self.publicHost = publicHost
        self.publicScheme = publicScheme
        anonymousHome = home
        self.clock = clock
        self.audit = audit
        self.strangers = strangers
    }

    package func answer(_ request: WebRequest) async -> Reply {
        var label = RouteLabel(.distribution, .unknown)
        var reply: Reply
        var trail = DistributionTrail()
        var isToldAlone = true
        do {
            let (caller, registry) = try await who(request, &trail)
            if caller.kind != .anonymous { request.body.prove() }
            let isLinked = request.headers[.authorization] == nil && caller.kind != .anonymous
            let path: DistributionPath
            do throws(DistributionPath.Problem) { path = try DistributionPath(request.rawPath) } catch {
                trail.isLost = true
                throw DistributionError(error)
            }
            label = path.route
            trail.path = path
            let call = try await api.located(
                DistributionCall(
                    path: path, request: request, caller: caller, registry: registry, isLinked: isLinked))
            // The record names the repository that is read, and not a mirror client's name for it.
            trail.path = call.path
            var decider: AuthorizationDecision.Decider?
            defer { trail.decision = decider.map { AuditDecision($0) } }
            reply = try await api.answer(call) { decider = $0 }
        } catch {
            let error = Self.challenge(error, trail.caller)
            // A client that proves no identity can send any number of invalid logins.
            if Self.hasFailed(trail, error),
                request.headers[.authorization] != nil || request.rawQuery.contains(SignedLinks.signatureName)
            {
                isToldAlone = strangers.loginFailed()
            }
            reply = self.reply(to: error, request, label, trail.path, isToldAlone: isToldAlone)
            trail.error = Self.auditError(error)
            trail.decision = AuditDecision(error) ?? trail.decision
        }
        if isToldAlone { audit.note(AuditRecord(trail, request)) }
        reply.headers[.distributionVersion] = "registry/2.0"
        return reply
    }

    /// The caller, and the registry: the one that the `Host` header names, else the token's.
    private func who(_ request: WebRequest, _ trail: inout DistributionTrail) async throws -> (Caller, RegistryID) {
        guard let header = request.headers[.authorization] else { return try await withoutPassword(request, &trail) }
        let principal: RegistryPrincipal
        do { principal = try await tokens.verify(basic: header, now: clock.now) } catch let refusal as Refusal {
            // An empty login is none.
            guard refusal.reason == .authenticationMissing, let anonymous = anonymous(request, &trail) else { throw refusal }
            return anonymous
        }
        (trail.caller, trail.accessKeyID) = (principal.caller, principal.accessKeyID)
        trail.registry = principal.registry
        guard let named = RegistryHost.registry(named: request.authority) else {
            return (principal.caller, principal.registry)
        }
        // A token is valid in its own region only. In another account's registry that account's policies decide.
        guard principal.isForAnyRegion || named.region == principal.registry.region else {
            throw Refusal(
                .accessDenied,
                "The authorization token is for the region \(principal.registry.region), not \(named.region). "
                    + "Sign in again with `aws ecr get-login-password --region \(named.region)`")
        }
        trail.registry = named
        return (principal.isForAnyRegion ? principal.caller.seen(in: named.region) : principal.caller, named)
    }

    /// The maker of the signed link in a request without a password: the link allows to read the blob that it names. Without one
    /// it is a client without a login, where the settings let those in.
    private func withoutPassword(
        _ request: WebRequest, _ trail: inout DistributionTrail
    ) async throws -> (Caller, RegistryID) {
        guard request.method == .get || request.method == .head else { throw Refusal.notSignedIn }
        guard request.rawQuery.contains(SignedLinks.signatureName) else {
            guard let anonymous = anonymous(request, &trail) else { throw Refusal.notSignedIn }
            return anonymous
        }
        let query = QueryParameters(request.rawQuery)
        let principal = try await tokens.links.verify(path: request.rawPath, parameter: { query[$0] }, now: clock.now)
        (trail.caller, trail.accessKeyID) = (principal.caller, principal.accessKeyID)
        trail.registry = principal.registry
        return (principal.caller, principal.registry)
    }

    /// A client without a login, who may read what a policy opens to `*`. Nil where the settings let none in, and for the address
    /// that clients ask whether they must sign in: were it open, they would never send the login that they have.
    private func anonymous(_ request: WebRequest, _ trail: inout DistributionTrail) -> (Caller, RegistryID)? {
        guard let anonymousHome, request.method == .get || request.method == .head, request.rawPath != "/v2/",
            request.rawPath != "/v2"
        else { return nil }
        let registry = RegistryHost.registry(named: request.authority) ?? anonymousHome
        let caller = Caller.anonymous(at: registry.account)
        (trail.caller, trail.registry) = (caller, registry)
        return (caller, registry)
    }

    /// What a client without a login may not do it may do with one: it is asked for it.
    private static func challenge(_ error: any Error, _ caller: Caller?) -> any Error {
        guard caller?.kind == .anonymous, let refusal = error as? Refusal, refusal.reason == .accessDenied else { return error }
        return Refusal.notSignedIn
    }

    /// The request brought a login, and it was wrong.
    private static func hasFailed(_ trail: DistributionTrail, _ error: any Error) -> Bool {
        trail.caller == nil || (trail.caller?.kind == .anonymous && (error as? Refusal)?.reason == .authenticationMissing)
    }

    // MARK: What goes wrong

    /// The audit log uses ECR's names: the exception that the AWS door has for the same refusal.
    private static func auditError(_ error: any Error) -> (code: String, message: String) {
        switch error {
        case let refusal as Refusal: (AWSError(refusal, for: .ecr).code, refusal.message)
        case let error as DistributionError: (error.code, error.message)
        case let name as NameError: ("InvalidParameterException", "\(name)")
        case is CancellationError: ("RequestCancelled", "The request was cancelled")
        default: ("ServerException", "An internal error occurred")
        }
    }

    private func reply(
        to error: any Error, _ request: WebRequest, _ label: RouteLabel, _ path: DistributionPath?, isToldAlone: Bool
    ) -> Reply {
        // The client is gone: its request broke off.
        if request.body.failure != nil { return .cut(label) }
        switch error {
        case let error as DistributionError:
            log(.info, error, request, path)
            return reply(error, request, label)
        case let refusal as Refusal:
            let error = DistributionError(refusal)
            log(isToldAlone ? Self.level(refusal, error) : .debug, error, request, path, refusal.facts)
            return reply(error, request, label)
        case let name as NameError:
            let error = DistributionError(name)
            log(.info, error, request, path)
            return reply(error, request, label)
        case is CancellationError:
            return reply(
                DistributionError(Refusal(.shuttingDown, "The server is stopping. Try again")), request, label)
        case let full as SQLError where full.isFull:
            return reply(to: Refusal(full: full), request, label, path, isToldAlone: isToldAlone)
        default:
            Logger.current.error(
                "Request failed", metadata: Self.facts(request, path).merging(["error": "\(error)"]) { _, new in new })
            return reply(
                DistributionError(
                    .internalServerError, "UNKNOWN",
                    "An internal error occurred. The server's log says more under the request id \(request.id)"),
                request, label)
        }
    }

    private func reply(_ error: DistributionError, _ request: WebRequest, _ label: RouteLabel) -> Reply {
        var headers: HTTPFields = [.contentType: "application/json"]
        if error.status == .unauthorized {
            headers[.wwwAuthenticate] = "Basic realm=\"\(publicScheme)://\(realmHost(request))/\",service=\"ecr.amazonaws.com\""
        }
        if let retryAfter = error.retryAfter {
            headers[.retryAfter] = "\(Self.seconds(retryAfter))"
        }
        return Reply(error.status.saying(error.phrase), headers, .bytes(error.body), label: label)
    }

    /// The longest wait that a client is told to make, in `Retry-After`.
    ///
    /// containers/image (podman, skopeo, buildah, CRI-O) obeys the `Retry-After` of a 429 five times, a minute each at most, and
    /// podman repeats all of it three more times: with the true wait of a rate-limited upstream, a pull is silent for twenty
    /// minutes. Without the header it waits 30 s a round. So a client that would have to wait longer than this is told 1 s: it
    /// soon gives up and shows the text, which tells the true wait. Upstream is not asked meanwhile.
    private static let longestWait = Duration.seconds(5)

    /// Whole seconds, rounded up: a request that comes sooner would be refused again.
    private static func seconds(_ wait: Duration) -> Int64 {
        wait > longestWait ? 1 : max(1, wait.microseconds.adding(999_999) / 1_000_000)
    }

    /// The host that the client used, where it names a registry: its form has then been checked, so it can stand in a header.
    private func realmHost(_ request: WebRequest) -> String {
        guard let authority = request.authority, RegistryHost.registry(named: authority) != nil,
            authority.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != 0x22 && $0 != 0x5c })
        else { return publicHost }
        return authority
    }

    /// Missing content and missing logins are everyday; damage and a full disk need an operator.
    private static func level(_ refusal: Refusal, _ error: DistributionError) -> Logger.Level {
        switch refusal.reason {
        case .contentDamaged, .storageFull, .storageUnavailable: .error
        case .imageNotFound, .blobUnknown, .authenticationMissing: .debug
        default: error.status.code >= 500 || error.status == .tooManyRequests ? .warning : .info
        }
    }

    /// The request and its repository.
    private static func facts(_ request: WebRequest, _ path: DistributionPath?) -> Logger.Metadata {
        var facts = RequestFacts.whose(
            request.method.rawValue, request.rawPath, userAgent: request.headers[.userAgent])
        if let name = path?.repository { facts["repository.name"] = "\(name)" }
        return facts
    }

    private func log(
        _ level: Logger.Level, _ error: DistributionError, _ request: WebRequest, _ path: DistributionPath?,
        _ facts: [String: String] = [:]
    ) {
        guard Logger.current.logLevel <= level else { return }
        var metadata = Self.facts(request, path)
        metadata["http.status"] = .stringConvertible(error.status.code)
        metadata["error.code"] = "\(error.code)"
        metadata["error.message"] = "\(error.message)"
        for (name, value) in facts { metadata[name] = .fact(name, value) }
        Logger.current.log(level: level, "Request refused", metadata: metadata)
    }
}
