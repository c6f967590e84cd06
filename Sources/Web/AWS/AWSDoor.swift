import Logging
import NIOCore
package import WeirCore
package import WeirIdentity
import WeirSigV4

/// The door for AWS clients: SigV4 checked, a table of operations, JSON 1.1 or Query/XML out.
///
/// Values in, values out: it knows no socket. It throws nothing and answers everything, what is malformed too, with an exception that AWS
/// clients understand. A body longer than `maxBodySize` is refused by whoever collects it: see `tooLarge(_:)`.
package struct AWSDoor: Sendable {
    /// Enough for a layer part of 20 MiB in base64; protects memory.
    package static let maxBodySize = 32 * 1024 * 1024

    /// What is read of a body before it is known that somebody of ours may have signed it. Protects memory from strangers.
    package static let maxStrangersBodySize = 64 * 1024

    private struct Key: Hashable {
        let service: AWSService
        let name: String
    }

    private let authentication: AWSAuthentication
    private let operations: [Key: AWSOperation]
    private let settings: AWSSettings
    private let clock: WallClock
    private let newID: @Sendable () -> String
    private let audit: AuditLog

    /// - Parameter newID: makes request ids; tests give their own.
    package init(
        accessKeys: AccessKeys, operations: [AWSOperation], settings: AWSSettings, clock: WallClock,
        newID: @escaping @Sendable () -> String = { RandomID.uuid() }, audit: AuditLog = .none
    ) {
        authentication = AWSAuthentication(keys: accessKeys, clock: clock)
        self.operations = Dictionary(operations.map { (Key(service: $0.service, name: $0.name), $0) }) { _, last in last }
        self.settings = settings
        self.clock = clock
        self.newID = newID
        self.audit = audit
    }

    /// Whether a request is this door's: it names an AWS operation, or is signed as AWS signs.
    package static func isMeant(
        target: String?, authorization: String?, contentType: String?, rawQuery: String
    ) -> Bool {
        target != nil || authorization?.hasPrefix("AWS4-") ?? false
            || contentType?.lowercased().hasPrefix("application/x-www-form-urlencoded") ?? false
            || rawQuery.contains("X-Amz-Algorithm=") || rawQuery.contains("Action=")
    }

    package func respond(to request: AWSRequest) async -> AWSResponse {
        let id = newID()
        var target: AWSTarget?
        var trail = AWSTrail()
        do {
            let signable = SignableRequest(
                method: request.method, rawPath: request.rawPath, rawQuery: request.rawQuery, headers: request.headers)
            let claim = Result { () throws(SigV4Error) in try SigV4.claim(of: signable) }
            let named = try AWSTarget(
                of: request, signedService: (try? claim.get())?.scope.service)
            target = named
            let output = try await answer(named, request, signable, claim, id, &trail)
            trail.output = output
            audit.note(AuditRecord(trail, named, requestID: id, error: nil))
            return AWSResponse(output, named, requestID: id).adding(trail.warnings.map { (CallWarnings.header, $0) })
        } catch {
            let target = target ?? .unreadable(request)
            let wire = self.error(for: error, target, requestID: id)
            audit.note(AuditRecord(trail, target, requestID: id, error: wire))
            return AWSResponse(wire, target, requestID: id)
        }
    }

    /// Whether the request names an access key of ours: its body is worth reading. Nothing is proved by that.
    package func knowsSigner(of request: AWSRequest) -> Bool {
        let signable = SignableRequest(
            method: request.method, rawPath: request.rawPath, rawQuery: request.rawQuery, headers: request.headers)
        guard let claim = try? SigV4.claim(of: signable) else { return false }
        return authentication.keys.caller(of: claim.accessKeyID) != nil
    }

    /// The answer to a request whose body is longer than `maxBodySize`.
    package func tooLarge(_ request: AWSRequest) -> AWSResponse {
        let target = (try? AWSTarget(of: request, signedService: nil)) ?? .unreadable(request)
        let refusal = Refusal(.requestTooLarge, "The request is longer than \(Self.maxBodySize) bytes.")
        let id = newID()
        return AWSResponse(error(for: refusal, target, requestID: id), target, requestID: id)
    }

    private func answer(
        _ target: AWSTarget, _ request: AWSRequest, _ signable: SignableRequest,
        _ claim: Result<SignatureClaim?, SigV4Error>, _ id: String, _ trail: inout AWSTrail
    ) async throws -> JSONValue {
        guard let claim = try claim.get() else {
            throw Refusal(.authenticationMissing, "Missing Authentication Token")
        }
        guard let service = target.service else {
            throw Refusal(.unknownOperation, "This server has no such service. It has \(Self.services).")
        }
        trail.accessKeyID = String(claim.accessKeyID.prefix(64))
        let signed = try authentication.prove(claim, request: request, signable: signable, service: service)
        trail.caller = signed.caller
        trail.registry = RegistryID(account: signed.caller.account, region: signed.region)
        guard let operation = operations[Key(service: service, name: target.operation)] else {
            throw Refusal(
                .unknownOperation, "\(service.rawValue) has no operation '\(target.operation)'.")
        }
        let call = AWSCall(
            registry: RegistryID(account: signed.caller.account, region: signed.region), caller: signed.caller,
            accessKeyID: signed.accessKeyID, requestID: id, now: clock.now,
            input: try input(target, service, request.body), settings: settings)
        trail.input = call.input
        let output = try await operation.handler(call)
        trail.warnings = call.warnings.all
        Logger.current.debug(
            "AWS call answered",
            metadata: target.facts(id).merging([
                "account": "\(call.registry.account)", "region": "\(call.registry.region)",
            ]) { _, new in new })
        return output
    }

    private static let services = AWSService.allCases.map(\.rawValue).joined(separator: ", ")

    private func input(_ target: AWSTarget, _ service: AWSService, _ body: ByteBuffer) throws -> Parameters {
        switch target.dialect {
        case .query:
            return Parameters(target.form.mapValues { .string($0) }, service: service)
        case .json:
            // A call without members may come without a body.
            if body.readableBytes == 0 { return Parameters([:], service: service) }
            let document: JSONValue
            do {
                document = try JSONValue(parsing: body.readableBytesView)
            } catch {
                throw Refusal(.malformedRequest, "The request's body is not JSON: \(error)")
            }
            guard case .object(let members) = document else {
                throw Refusal(.malformedRequest, "The request's body is not a JSON object")
            }
            return Parameters(members, service: service)
        }
    }

    /// What the client hears of an error, and the log.
    private func error(for error: any Error, _ target: AWSTarget, requestID: String) -> AWSError {
        let service = target.service ?? .ecr
        var facts = target.facts(requestID)
        switch error {
        case let refusal as Refusal:
            let wire = AWSError(refusal, for: service)
            for (name, value) in refusal.facts { facts[name] = "\(value)" }
            facts["error.code"] = "\(wire.code)"
            facts["error.message"] = "\(refusal.message)"
            Logger.current.log(level: wire.status >= 500 ? .error : .info, "AWS call refused", metadata: facts)
            return wire
        case let wire as AWSError:
            facts["error.code"] = "\(wire.code)"
            facts["error.message"] = "\(wire.message)"
            Logger.current.info("AWS call refused", metadata: facts)
            return wire
        case let unreadable as SigV4Error:
            let wire = AWSError(unreadable, for: service)
            facts["error.code"] = "\(wire.code)"
            Logger.current.info("AWS call refused: its signature cannot be read", metadata: facts)
            return wire
        case is CancellationError:
            Logger.current.debug("AWS call cancelled", metadata: facts)
            return AWSError(Refusal(.shuttingDown, "The call was cancelled. Try again."), for: service)
        default:
            facts["error"] = "\(error)"
            Logger.current.error("AWS call failed", metadata: facts)
            return AWSError.failure(of: service)
        }
    }
}

extension AWSTarget {
    /// The target of a request of which no more could be read than how it is written.
    static func unreadable(_ request: AWSRequest) -> AWSTarget {
        let isQuery = request.header("x-amz-target") == nil
        return AWSTarget(dialect: isQuery ? .query : .json(contentType: "application/x-amz-json-1.1"))
    }

    private init(dialect: Dialect) {
        self.dialect = dialect
        service = nil
        operation = ""
        form = [:]
    }

    func facts(_ requestID: String) -> Logger.Metadata {
        ["aws.service": "\(service?.rawValue ?? "?")", "aws.operation": "\(operation)", "aws.request_id": "\(requestID)"]
    }
}
