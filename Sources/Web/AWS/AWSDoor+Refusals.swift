import Logging
import WeirCore
import WeirSigV4

/// What the door says to calls that it does not answer.
extension AWSDoor {
    func refuse(
        _ error: any Error, _ target: AWSTarget, _ head: AWSRequest, _ id: String, _ trail: AWSTrail
    ) -> AWSResponse {
        // A client that proves no identity can send any number of requests, so only its first refusals are logged one by one.
        var trail = trail
        trail.denial = (error as? Refusal)?.denial
        let isProved = trail.caller != nil
        let isToldAlone = isProved || Self.isWithoutLogin(error) || strangers.loginFailed()
        var facts = RequestFacts.whose(head.method, head.rawPath, userAgent: head.header("user-agent"))
        facts.merge(target.facts(id)) { _, own in own }
        let wire = self.error(for: error, target, facts, isToldAlone: isToldAlone)
        if isToldAlone { audit.note(AuditRecord(trail, target, requestID: id, error: wire)) }
        return AWSResponse(wire, target, requestID: id).adding(message(of: trail.denial))
    }

    /// The header with what a denial was about, for callers who signed.
    private func message(of denial: AuthorizationDenial?) -> [(name: String, value: String)] {
        guard let denial, let text = AuthorizationMessage.text(denial, by: messages) else { return [] }
        return [(AuthorizationMessage.header, text)]
    }

    private static func isWithoutLogin(_ error: any Error) -> Bool {
        (error as? Refusal)?.reason == .authenticationMissing
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
