import NIOCore
import WeirCore
import WeirIdentity
import WeirSigV4

/// Who signed a request: the checks that AWS makes before it looks at what is asked, in its order and with its sentences.
struct AWSAuthentication: Sendable {
    /// How far a signature's moment may be from now (AWS: 15 minutes).
    static let tolerance: Int64 = 900

    let keys: AccessKeys
    let clock: WallClock

    struct Signed: Sendable {
        let caller: Caller
        let accessKeyID: String
        let region: Region
    }

    /// Proves the claim, or throws the refusal that AWS has for what is wrong.
    func prove(
        _ claim: SignatureClaim, request: AWSRequest, signable: SignableRequest, service: AWSService
    ) throws(Refusal) -> Signed {
        guard claim.scope.service == service.signingName else {
            throw Refusal(.signatureInvalid, "Credential should be scoped to correct service: '\(service.signingName)'.")
        }
        guard let region = try? Region(claim.scope.region) else {
            throw Refusal(.signatureInvalid, "Credential should be scoped to a valid region.")
        }
        try checkTime(claim)
        // No session of ours exists, so a token that comes with a key is nobody's.
        guard let (caller, secret) = keys.secret(of: claim.accessKeyID), claim.sessionToken == nil else {
            throw Refusal(
                .credentialsUnknown, "The security token included in the request is invalid.",
                facts: ["access_key.id": String(claim.accessKeyID.prefix(64))])
        }
        guard
            let payloadHash = payloadHash(of: request),
            SigV4.verify(claim, request: signable, payloadHash: payloadHash, secret: secret)
        else {
            throw Refusal(
                .signatureInvalid,
                "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
                    + "Access Key and signing method. Consult the service documentation for details.",
                facts: ["access_key.id": String(claim.accessKeyID.prefix(64))])
        }
        return Signed(caller: caller, accessKeyID: claim.accessKeyID, region: region)
    }

    private func checkTime(_ claim: SignatureClaim) throws(Refusal) {
        let now = clock.now.microseconds / 1_000_000
        let signed = claim.time
        if signed.seconds > now + Self.tolerance {
            let bound = SigV4Time(seconds: now + Self.tolerance)
            throw Refusal(
                .signatureInvalid,
                "Signature not yet current: \(signed) is still later than \(bound) (\(SigV4Time(seconds: now)) + 15 min.)")
        }
        switch claim.form {
        case .header where signed.seconds < now - Self.tolerance:
            let bound = SigV4Time(seconds: now - Self.tolerance)
            throw Refusal(
                .signatureInvalid,
                "Signature expired: \(signed) is now earlier than \(bound) (\(SigV4Time(seconds: now)) - 15 min.)")
        case .query(let expires) where signed.seconds + expires < now:
            throw Refusal(
                .signatureInvalid,
                "Signature expired: \(SigV4Time(seconds: signed.seconds + expires)) is now earlier than \(SigV4Time(seconds: now))"
            )
        default: return
        }
    }

    /// The hash that was signed, or nil where the header tells another than the body's. `UNSIGNED-PAYLOAD` is what the client
    /// asked for: the header that says so is signed.
    private func payloadHash(of request: AWSRequest) -> String? {
        let told = request.header("x-amz-content-sha256")
        if told == SigV4.unsignedPayload { return told }
        let actual = request.body.withUnsafeReadableBytes { SigV4.payloadHash($0) }
        return told == nil || told == actual ? actual : nil
    }
}

extension AWSError {
    /// AWS's exception for a signature that cannot even be read.
    init(_ error: SigV4Error, for service: AWSService) {
        switch error {
        case .incomplete, .unsupportedAlgorithm, .malformedCredential, .malformedDate, .malformedExpires, .twoSignatures:
            let isQuery = service == .sts || service == .iam
            self.init(
                code: isQuery ? "IncompleteSignature" : "IncompleteSignatureException", message: error.description)
        case .wrongTerminator, .dateOutsideScope, .headerNotSigned:
            self.init(Refusal(.signatureInvalid, error.description), for: service)
        }
    }
}
