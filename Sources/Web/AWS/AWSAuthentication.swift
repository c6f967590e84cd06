import WeirCore
import WeirIdentity
import WeirSigV4

/// Proves who signed a request: the checks that AWS makes before it looks at the operation, in its order and with its sentences.
///
/// All checks of the head are made before a byte of the body is read: `name`, and `verify` too where the head tells the body's
/// hash. Most clients do not tell it: their signature can be verified only with the hash of the body.
struct AWSAuthentication: Sendable {
    /// How far a signature's time may be from now, in seconds (AWS: 15 minutes).
    static let tolerance: Int64 = 900

    let credentials: Credentials
    let clock: WallClock
    /// `host[:port]` as clients reach the server.
    let publicHost: String
    /// The server's own region.
    let home: Region

    /// The signer that a request names. It proves nothing: the ids of access keys are no secret.
    struct Claimant: Sendable {
        fileprivate let caller: Caller
        fileprivate let secret: [UInt8]
        fileprivate let region: Region
    }

    struct Signed: Sendable {
        let caller: Caller
        let accessKeyID: String
        let region: Region
    }

    /// The named signer, where scope, time, key and session token are right. Throws AWS's refusal where one of them is wrong.
    func name(_ claim: SignatureClaim, service: AWSService) async throws -> Claimant {
        guard claim.scope.service == service.signingName else {
            throw Refusal(.signatureInvalid, "Credential should be scoped to correct service: '\(service.signingName)'.")
        }
        guard let region = try? Region(claim.scope.region) else {
            throw Refusal(.signatureInvalid, "Credential should be scoped to a valid region.")
        }
        try checkTime(claim)
        do {
            let signer = try await credentials.signer(claim.accessKeyID, sessionToken: claim.sessionToken, at: clock.now)
            // Every region's signature reaches the same roles and users, so none may change the ARN that a Deny names.
            let caller = signer.caller.seen(in: service.isGlobal ? home : region)
            return Claimant(caller: caller, secret: signer.secret, region: region)
        } catch var refusal as Refusal {
            refusal.facts.merge(Self.facts(claim)) { _, new in new }
            throw refusal
        }
    }

    /// The body's hash as the head tells it; nil where it does not.
    ///
    /// `UNSIGNED-PAYLOAD` is refused, as by AWS's services other than S3: anyone on the way could change the request.
    func toldHash(_ request: AWSRequest) throws(Refusal) -> String? {
        let told = request.header("x-amz-content-sha256")
        guard told != SigV4.unsignedPayload else {
            throw Refusal(
                .signatureInvalid, "The body must be signed: 'UNSIGNED-PAYLOAD' in x-amz-content-sha256 is for Amazon S3 alone.")
        }
        return told
    }

    /// Proves the claim for a body of this hash, or throws the refusal.
    func verify(
        _ claim: SignatureClaim, by claimant: Claimant, _ signable: SignableRequest, payloadHash: String
    ) throws(Refusal) -> Signed {
        guard SigV4.verify(claim, request: signable, payloadHash: payloadHash, secret: claimant.secret) else {
            throw refusal(of: claim, by: claimant, signable, payloadHash)
        }
        credentials.used(
            Credentials.Use(
                caller: claimant.caller, accessKeyID: claim.accessKeyID, service: claim.scope.service, region: claimant.region,
                at: clock.now))
        return Signed(caller: claimant.caller, accessKeyID: claim.accessKeyID, region: claimant.region)
    }

    /// The refusal of a signature. Where it is right for the host that the client meant, a proxy has changed `Host`: the refusal
    /// says so, since nothing else does.
    private func refusal(
        of claim: SignatureClaim, by claimant: Claimant, _ signable: SignableRequest, _ payloadHash: String
    ) -> Refusal {
        let came = signable.header("host") ?? ""
        let meant = [publicHost, signable.header("x-forwarded-host")].compactMap(\.self).first { host in
            host != came
                && SigV4.verify(
                    claim, request: signable.reaching(host), payloadHash: payloadHash, secret: claimant.secret)
        }
        var refusal = Self.mismatch(claim)
        guard let meant else { return refusal }
        refusal = Refusal(
            refusal.reason,
            "\(refusal.message) It was made for the host '\(meant)', and the request came for '\(came)': a proxy has changed its Host "
                + "header. Let it pass that on as it comes (nginx: proxy_set_header Host $http_host).", facts: refusal.facts)
        return refusal
    }

    static func mismatch(_ claim: SignatureClaim) -> Refusal {
        Refusal(
            .signatureInvalid,
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
                + "Access Key and signing method. Consult the service documentation for details.",
            facts: facts(claim))
    }

    private static func facts(_ claim: SignatureClaim) -> [String: String] {
        ["access_key.id": String(claim.accessKeyID.prefix(64))]
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
}

extension AWSError {
    /// AWS's exception for a signature that cannot be parsed.
    init(_ error: SigV4Error, for service: AWSService) {
        switch error {
        case .incomplete, .unsupportedAlgorithm, .malformedCredential, .malformedDate, .malformedExpires, .twoSignatures,
            .malformedSignedHeaders, .tooManyParameters, .givenTwice:
            let isQuery = service == .sts || service == .iam
            self.init(
                code: isQuery ? "IncompleteSignature" : "IncompleteSignatureException", message: error.description)
        case .wrongTerminator, .dateOutsideScope, .headerNotSigned:
            self.init(Refusal(.signatureInvalid, error.description), for: service)
        }
    }
}

extension SignableRequest {
    /// The same request, sent to another host.
    fileprivate func reaching(_ host: String) -> SignableRequest {
        SignableRequest(
            method: method, rawPath: rawPath, rawQuery: rawQuery,
            headers: headers.map { $0.name.lowercased() == "host" ? (name: $0.name, value: host) : $0 })
    }
}
