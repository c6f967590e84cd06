import Logging
package import NIOCore
import NIOPosix
package import WeirCore
package import WeirIdentity
package import WeirRegistry
import WeirSigV4

/// The door for AWS clients: verifies SigV4, looks up the operation in a table, answers in JSON 1.1 or in Query's XML.
///
/// It takes values and returns values, and knows no socket. It never throws: malformed requests, too, are answered by an
/// exception that AWS clients understand. Proof comes before work: `admit` reads the head alone, and says how much of the body
/// may be read.
package struct AWSDoor: Sendable {
    /// Bytes. Enough for a layer part of 20 MiB in base64; protects memory.
    package static let maxBodySize = 32 * 1024 * 1024

    /// Bytes. Enough for every call but the two that carry a layer's part or a manifest.
    package static let maxOrdinaryBodySize = 1024 * 1024

    private static let largeCalls: Set = ["UploadLayerPart", "PutImage"]

    private struct Key: Hashable {
        let service: AWSService
        let name: String
    }

    private let authentication: AWSAuthentication
    private let access: Access
    private let operations: [Key: AWSOperation]
    private let settings: AWSSettings
    private let clock: WallClock
    private let newID: @Sendable () -> String
    private let audit: AuditLog
    private let strangers: Strangers

    /// - Parameter newID: makes request ids; tests pass their own.
    package init(
        accessKeys: AccessKeys, access: Access, operations: [AWSOperation], settings: AWSSettings, clock: WallClock,
        newID: @escaping @Sendable () -> String = { RandomID.uuid() }, audit: AuditLog = .none, strangers: Strangers
    ) {
        authentication = AWSAuthentication(keys: accessKeys, clock: clock, publicHost: settings.publicHost)
        self.operations = Dictionary(operations.map { (Key(service: $0.service, name: $0.name), $0) }) { _, last in last }
        self.access = access
        self.settings = settings
        self.clock = clock
        self.newID = newID
        self.audit = audit
        self.strangers = strangers
    }

    /// Whether a request is for this door: it names an AWS operation, or is signed as AWS signs.
    package static func isMeant(
        target: String?, authorization: String?, contentType: String?, rawQuery: String
    ) -> Bool {
        target != nil || authorization?.hasPrefix("AWS4-") ?? false
            || contentType?.lowercased().hasPrefix("application/x-www-form-urlencoded") ?? false
            || rawQuery.contains("X-Amz-Algorithm=") || rawQuery.contains("Action=")
    }

    // MARK: From the head

    /// A call whose head has been read, and is not refused.
    package struct Visit: Sendable {
        fileprivate let id: String
        fileprivate let head: AWSRequest
        fileprivate let target: AWSTarget
        fileprivate let signable: SignableRequest
        fileprivate let claim: SignatureClaim
        fileprivate let claimant: AWSAuthentication.Claimant
        /// The body's hash, where the head tells it: the signature has then been verified.
        fileprivate let toldHash: String?
        fileprivate var trail: AWSTrail

        /// The signature has been verified. Otherwise it can be only with the body's hash.
        package var isProved: Bool { toldHash != nil }
        /// Bytes of the body that may be read.
        package let maxBodySize: Int
    }

    package enum Admission: Sendable {
        /// The body need not be read.
        case refused(AWSResponse)
        case welcome(Visit)
    }

    /// Makes all checks that are possible before the body is read.
    ///
    /// - Parameter request: its body is ignored.
    package func admit(_ request: AWSRequest) -> Admission {
        let id = newID()
        var target: AWSTarget?
        var trail = AWSTrail()
        do {
            let signable = SignableRequest(
                method: request.method, rawPath: request.rawPath, rawQuery: request.rawQuery, headers: request.headers)
            let claim = Result { () throws(SigV4Error) in try SigV4.claim(of: signable) }
            let named = try AWSTarget(ofHead: request, signedService: (try? claim.get())?.scope.service)
            target = named
            guard let claim = try claim.get() else {
                throw Refusal(.authenticationMissing, "Missing Authentication Token")
            }
            guard let service = named.service else {
                throw Refusal(.unknownOperation, "This server has no such service. It has \(Self.services).")
            }
            trail.claimedKeyID = String(claim.accessKeyID.prefix(64))
            let claimant = try authentication.name(claim, service: service)
            let toldHash = try authentication.toldHash(request)
            if let toldHash {
                trail.take(try authentication.verify(claim, by: claimant, signable, payloadHash: toldHash))
            }
            return .welcome(
                Visit(
                    id: id, head: request, target: named, signable: signable, claim: claim, claimant: claimant,
                    toldHash: toldHash, trail: trail, maxBodySize: Self.maxBody(of: named)))
        } catch {
            return .refused(refuse(error, target ?? .unreadable(request), request, id, trail))
        }
    }

    /// The largest body: for a layer's part, or a manifest with all its quotes escaped; else what AWS accepts.
    private static func maxBody(of target: AWSTarget) -> Int {
        guard case .json = target.dialect else { return maxOrdinaryBodySize }
        return largeCalls.contains(target.operation) ? maxBodySize : maxOrdinaryBodySize
    }

    // MARK: With the body

    /// The answer to a call whose body has been read.
    ///
    /// - Parameters:
    ///   - bodyHash: the body's SHA-256, in hexadecimal.
    /// - proved: called when the body's hash has proved the signature.
    package func respond(
        to visit: Visit, body: ByteBuffer, bodyHash: String, proved: () -> Void = {}
    ) async -> AWSResponse {
        var trail = visit.trail
        var target = visit.target
        do {
            if let told = visit.toldHash {
                guard told == bodyHash else { throw AWSAuthentication.mismatch(visit.claim) }
            } else {
                trail.take(
                    try authentication.verify(visit.claim, by: visit.claimant, visit.signable, payloadHash: bodyHash))
                proved()
            }
            target = try target.reading(body, of: visit.head)
            let (output, shape) = try await answer(target, body, visit.id, &trail)
            trail.output = output
            audit.note(AuditRecord(trail, target, requestID: visit.id, error: nil))
            return AWSResponse(output, shape, target, requestID: visit.id)
                .adding(trail.warnings.map { (CallWarnings.header, $0) })
        } catch {
            return refuse(error, target, visit.head, visit.id, trail)
        }
    }

    /// The answer to a call whose body was not read: it is too long, or there was no room for it.
    package func refuse(_ refusal: Refusal, _ visit: Visit) -> AWSResponse {
        refuse(refusal, visit.target, visit.head, visit.id, visit.trail)
    }

    package static func tooLarge(_ visit: Visit) -> Refusal {
        Refusal(.requestTooLarge, "The request is longer than the \(visit.maxBodySize) bytes that such a call may have.")
    }

    /// The answer to a whole request.
    package func respond(to request: AWSRequest) async -> AWSResponse {
        switch admit(request) {
        case .refused(let response): response
        case .welcome(let visit):
            await respond(
                to: visit, body: request.body, bodyHash: request.body.withUnsafeReadableBytes { SigV4.payloadHash($0) })
        }
    }

    private func refuse(
        _ error: any Error, _ target: AWSTarget, _ head: AWSRequest, _ id: String, _ trail: AWSTrail
    ) -> AWSResponse {
        // A client that proves no identity can send any number of requests, so only its first refusals are logged one by one.
        let isProved = trail.caller != nil
        let isToldAlone = isProved || Self.isWithoutLogin(error) || strangers.loginFailed()
        var facts = RequestFacts.whose(head.method, head.rawPath, userAgent: head.header("user-agent"))
        facts.merge(target.facts(id)) { _, own in own }
        let wire = self.error(for: error, target, facts, isToldAlone: isToldAlone)
        if isToldAlone { audit.note(AuditRecord(trail, target, requestID: id, error: wire)) }
        return AWSResponse(wire, target, requestID: id)
    }

    private static func isWithoutLogin(_ error: any Error) -> Bool {
        (error as? Refusal)?.reason == .authenticationMissing
    }

    private func answer(
        _ target: AWSTarget, _ body: ByteBuffer, _ id: String, _ trail: inout AWSTrail
    ) async throws -> (JSONValue, AnswerShape) {
        guard let service = target.service, let caller = trail.caller, let registry = trail.registry,
            let accessKeyID = trail.accessKeyID
        else { throw Refusal(.authenticationMissing, "Missing Authentication Token") }
        guard let operation = operations[Key(service: service, name: target.operation)] else {
            throw Refusal(
                .unknownOperation, "\(service.rawValue) has no operation '\(target.operation)'.")
        }
        let call = AWSCall(
            registry: registry, caller: caller, accessKeyID: accessKeyID, requestID: id, now: clock.now,
            input: try await input(target, service, body), settings: settings)
        trail.input = call.input
        let output = try await operation.answer(call, access)
        trail.warnings = call.warnings.all
        Logger.current.debug(
            "AWS call answered",
            metadata: target.facts(id).merging([
                "account": "\(call.registry.account)", "region": "\(call.registry.region)",
            ]) { _, new in new })
        return (output, operation.shape)
    }

    private static let services = AWSService.allCases.map(\.rawValue).joined(separator: ", ")

    /// Longer documents, in bytes, are parsed on another thread: the connection's event loop has other connections to serve.
    private static let longDocument = 256 << 10

    private func document(_ body: ByteBuffer) async throws -> JSONValue {
        guard body.readableBytes > Self.longDocument else { return try JSONValue(parsing: body.readableBytesView) }
        return try await NIOThreadPool.singleton.runIfActive { try JSONValue(parsing: body.readableBytesView) }
    }

    private func input(_ target: AWSTarget, _ service: AWSService, _ body: ByteBuffer) async throws -> Parameters {
        switch target.dialect {
        case .query:
            return Parameters(try target.form.input(), service: service, encoding: .form)
        case .json:
            // A call without members may come without a body.
            if body.readableBytes == 0 { return Parameters([:], service: service) }
            let document: JSONValue
            do {
                document = try await self.document(body)
            } catch let error as JSONError {
                throw Refusal(.malformedRequest, "The request's body is not JSON: \(error)")
            }
            guard case .object(let members) = document else {
                throw Refusal(.malformedRequest, "The request's body is not a JSON object")
            }
            return Parameters(members, service: service)
        }
    }

    /// The error as the client is told, after it has been logged.
    private func error(
        for error: any Error, _ target: AWSTarget, _ facts: Logger.Metadata, isToldAlone: Bool
    ) -> AWSError {
        let service = target.service ?? .ecr
        var facts = facts
        switch error {
        case let refusal as Refusal:
            let wire = AWSError(refusal, for: service)
            for (name, value) in refusal.facts { facts[name] = .fact(name, value) }
            facts["http.status"] = .stringConvertible(wire.status)
            facts["error.code"] = "\(wire.code)"
            facts["error.message"] = "\(refusal.message)"
            let isEveryday = !isToldAlone || refusal.reason == .authenticationMissing
            Logger.current.log(
                level: wire.status >= 500 ? .error : isEveryday ? .debug : .info, "AWS call refused", metadata: facts)
            return wire
        case let violations as Violations:
            return self.error(for: violations.refusal, target, facts, isToldAlone: isToldAlone)
        case let wire as AWSError:
            facts["error.code"] = "\(wire.code)"
            facts["error.message"] = "\(wire.message)"
            Logger.current.info("AWS call refused", metadata: facts)
            return wire
        case let unreadable as SigV4Error:
            let wire = AWSError(unreadable, for: service)
            facts["error.code"] = "\(wire.code)"
            Logger.current.log(
                level: isToldAlone ? .info : .debug, "AWS call refused: its signature cannot be read", metadata: facts)
            return wire
        case is CancellationError:
            Logger.current.debug("AWS call cancelled", metadata: facts)
            return AWSError(Refusal(.shuttingDown, "The call was cancelled. Try again."), for: service)
        case let full as SQLError where full.isFull:
            return self.error(for: Refusal(full: full), target, facts, isToldAlone: isToldAlone)
        default:
            facts["error"] = "\(error)"
            Logger.current.error("AWS call failed", metadata: facts)
            return AWSError.failure(of: service)
        }
    }
}
