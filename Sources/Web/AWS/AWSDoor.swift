import Logging
package import NIOCore
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

    /// Bytes. Enough for a web identity token with a session policy, each byte of which may be escaped.
    package static let maxUnsignedBodySize = 64 * 1024

    private static let largeCalls: Set = ["UploadLayerPart", "PutImage"]

    private struct Key: Hashable {
        let service: AWSService
        let name: String
    }

    let authentication: AWSAuthentication
    private let access: Access
    private let operations: [Key: AWSOperation]
    let settings: AWSSettings
    private let clock: WallClock
    private let newID: @Sendable () -> String
    let audit: AuditLog
    let strangers: Strangers
    let messages: AuthorizationMessages
    /// Of calls without a signature.
    let failures = UnsignedFailures()

    /// - Parameters:
    ///   - messages: seals what denials were about.
    ///   - newID: makes request ids; tests pass their own.
    package init(
        credentials: Credentials, access: Access, operations: [AWSOperation], messages: AuthorizationMessages,
        settings: AWSSettings, clock: WallClock,
        newID: @escaping @Sendable () -> String = { RandomID.uuid() }, audit: AuditLog = .none, strangers: Strangers
    ) {
        authentication = AWSAuthentication(
            credentials: credentials, clock: clock, publicHost: settings.publicHost, home: settings.home.region)
        self.messages = messages
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
        let id: String
        let head: AWSRequest
        let target: AWSTarget
        /// Nil for a call without a signature: its operation must be one that needs none.
        fileprivate let signature: Signature?
        /// The body's hash, where the head tells it: the signature has then been verified.
        fileprivate let toldHash: String?
        var trail: AWSTrail

        /// The signature has been verified. Otherwise it can be only with the body's hash.
        package var isProved: Bool { signature != nil && toldHash != nil }
        /// Bytes of the body that may be read.
        package let maxBodySize: Int
    }

    /// What a request is signed with, and by whom it says.
    fileprivate struct Signature: Sendable {
        let signable: SignableRequest
        let claim: SignatureClaim
        let claimant: AWSAuthentication.Claimant
    }

    package enum Admission: Sendable {
        /// The body need not be read.
        case refused(AWSResponse)
        case welcome(Visit)
    }

    /// Makes all checks that are possible before the body is read.
    ///
    /// - Parameter request: its body is ignored.
    package func admit(_ request: AWSRequest) async -> Admission {
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
                if AWSTarget.mayBeUnsigned(request) { target = named.unsigned() }
                return .welcome(try unsigned(request, named, id))
            }
            guard let service = named.service else {
                throw Refusal(.unknownOperation, "This server has no such service. It has \(Self.services).")
            }
            trail.claimedKeyID = String(claim.accessKeyID.prefix(64))
            let claimant = try await authentication.name(claim, service: service)
            let toldHash = try authentication.toldHash(request)
            if let toldHash {
                trail.take(try authentication.verify(claim, by: claimant, signable, payloadHash: toldHash))
            }
            return .welcome(
                Visit(
                    id: id, head: request, target: named,
                    signature: Signature(signable: signable, claim: claim, claimant: claimant), toldHash: toldHash, trail: trail,
                    maxBodySize: Self.maxBody(of: named)))
        } catch {
            return .refused(refuse(error, target ?? .unreadable(request), request, id, trail))
        }
    }

    /// The call may be one that needs no signature: only its body tells.
    private func unsigned(_ request: AWSRequest, _ target: AWSTarget, _ id: String) throws(Refusal) -> Visit {
        guard AWSTarget.mayBeUnsigned(request) else { throw Self.withoutSignature }
        try failures.admit(at: clock.now)
        return Visit(
            id: id, head: request, target: target.unsigned(), signature: nil, toldHash: nil, trail: AWSTrail(isUnsigned: true),
            maxBodySize: Self.maxUnsignedBodySize)
    }

    static let withoutSignature = Refusal(.authenticationMissing, "Missing Authentication Token")

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
    ///   - proved: called when the caller is proved: by the body's hash, or by what is in the body.
    package func respond(
        to visit: Visit, body: ByteBuffer, bodyHash: String, proved: () -> Void = {}
    ) async -> AWSResponse {
        var trail = visit.trail
        var target = visit.target
        do {
            if let signature = visit.signature {
                try prove(signature, visit, bodyHash, &trail, proved)
            }
            target = try target.reading(body, of: visit.head)
            let (output, shape) = try await answer(target, body, visit.id, &trail)
            if visit.signature == nil { proved() }
            trail.output = output
            audit.note(AuditRecord(trail, target, requestID: visit.id, error: nil))
            return AWSResponse(output, shape, target, requestID: visit.id)
                .adding(trail.warnings.map { (CallWarnings.header, $0) })
        } catch {
            if visit.signature == nil { failures.note(at: clock.now) }
            return refuse(error, target, visit.head, visit.id, trail)
        }
    }

    private func prove(
        _ signature: Signature, _ visit: Visit, _ bodyHash: String, _ trail: inout AWSTrail, _ proved: () -> Void
    ) throws(Refusal) {
        if let told = visit.toldHash {
            guard told == bodyHash else { throw AWSAuthentication.mismatch(signature.claim) }
            return
        }
        trail.take(
            try authentication.verify(signature.claim, by: signature.claimant, signature.signable, payloadHash: bodyHash))
        proved()
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
        switch await admit(request) {
        case .refused(let response): response
        case .welcome(let visit):
            await respond(
                to: visit, body: request.body, bodyHash: request.body.withUnsafeReadableBytes { SigV4.payloadHash($0) })
        }
    }

    private func answer(
        _ target: AWSTarget, _ body: ByteBuffer, _ id: String, _ trail: inout AWSTrail
    ) async throws -> (JSONValue, AnswerShape) {
        guard let service = target.service else { throw Self.withoutSignature }
        let operation = operations[Key(service: service, name: target.operation)]
        if trail.isUnsigned {
            guard operation?.isUnsigned == true else { throw Self.withoutSignature }
            trail.registry = settings.home
        }
        guard let caller = trail.isUnsigned ? .anonymous(at: settings.home.account) : trail.caller,
            let registry = trail.registry
        else { throw Self.withoutSignature }
        guard let operation else {
            throw Refusal(
                .unknownOperation, "\(service.rawValue) has no operation '\(target.operation)'.")
        }
        try SessionReach.permit(caller, service, target.operation)
        let call = AWSCall(
            registry: registry, caller: caller, accessKeyID: trail.accessKeyID ?? "", requestID: id, now: clock.now,
            input: try await AWSInput.parameters(of: target, service, body), settings: settings)
        trail.input = call.input
        defer { trail.webIdentity = call.webCaller.identity }
        var decider: AuthorizationDecision.Decider?
        let output = try await operation.answer(call, access) { decider = $0 }
        trail.decision = decider.map { AuditDecision($0) }
        trail.warnings = call.warnings.all
        Logger.current.debug(
            "AWS call answered",
            metadata: target.facts(id).merging([
                "account": "\(call.registry.account)", "region": "\(call.registry.region)",
            ]) { _, new in new })
        return (output, operation.shape)
    }

    private static let services = AWSService.allCases.map(\.rawValue).joined(separator: ", ")
}
