import Crypto
import WeirText

/// AWS Signature Version 4: a signer and a verifier of one canonical request.
///
/// The caller checks whether the signature's time is close enough: nothing here reads a clock.
package enum SigV4 {
    static let algorithm = "AWS4-HMAC-SHA256"
    /// The payload hash of a request whose body is not signed.
    package static let unsignedPayload = "UNSIGNED-PAYLOAD"

    /// The signature that the request carries, in the `Authorization` header or in `X-Amz-…` query parameters; nil if it carries
    /// none.
    package static func claim(of request: SignableRequest) throws(SigV4Error) -> SignatureClaim? {
        try SignatureClaim(of: request)
    }

    /// True if `secret` made the claim's signature over this request. Compares in constant time.
    package static func verify(
        _ claim: SignatureClaim, request: SignableRequest, payloadHash: String, secret: [UInt8]
    ) -> Bool {
        let canonical = CanonicalRequest(
            request, service: claim.scope.service, signedHeaders: claim.signedHeaders, payloadHash: payloadHash,
            withoutQueryItem: claim.form == .header ? nil : "X-Amz-Signature")
        let expected = signature(of: canonical, scope: claim.scope, time: claim.time, secret: secret)
        let given = Array(claim.signature.utf8)
        let right = Array(expected.utf8)
        guard given.count == right.count else { return false }
        return zip(given, right).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }

    /// The headers to add so that `request` is signed. They sign every header that `request` has; `Host` must be among them.
    package static func sign(
        _ request: SignableRequest, payloadHash: String, credential: SigV4Credential, region: String,
        service: String, at time: SigV4Time
    ) -> [(name: String, value: String)] {
        var added = [(name: "X-Amz-Date", value: time.description)]
        if let token = credential.sessionToken { added.append((name: "X-Amz-Security-Token", value: token)) }
        // S3 wants the payload hash as a header; other services want it only for an unsigned payload.
        if service == "s3" || payloadHash == unsignedPayload, request.header("x-amz-content-sha256") == nil {
            added.append((name: "X-Amz-Content-Sha256", value: payloadHash))
        }
        let signed = SignableRequest(
            method: request.method, rawPath: request.rawPath, rawQuery: request.rawQuery,
            headers: request.headers + added)
        let names = signable(signed.headers)
        let scope = SigV4Scope(date: time.date, region: region, service: service)
        let canonical = CanonicalRequest(signed, service: service, signedHeaders: names, payloadHash: payloadHash)
        let signature = signature(of: canonical, scope: scope, time: time, secret: credential.secret)
        let value =
            "\(algorithm) Credential=\(credential.accessKeyID)/\(scope), "
            + "SignedHeaders=\(names.joined(separator: ";")), Signature=\(signature)"
        return added + [(name: "Authorization", value: value)]
    }

    /// The whole query that makes `request` valid for `expires` seconds without further headers.
    package static func presign(
        _ request: SignableRequest, payloadHash: String, credential: SigV4Credential, region: String,
        service: String, at time: SigV4Time, expires: Int64
    ) -> String {
        let scope = SigV4Scope(date: time.date, region: region, service: service)
        let names = signable(request.headers)
        var items = [
            "X-Amz-Algorithm=\(algorithm)",
            "X-Amz-Credential=\(URIEncoding.encoded("\(credential.accessKeyID)/\(scope)".utf8))",
            "X-Amz-Date=\(time)", "X-Amz-Expires=\(expires)",
            "X-Amz-SignedHeaders=\(URIEncoding.encoded(names.joined(separator: ";").utf8))",
        ]
        if let token = credential.sessionToken {
            items.append("X-Amz-Security-Token=\(URIEncoding.encoded(token.utf8))")
        }
        let query = ([request.rawQuery].filter { !$0.isEmpty } + items).joined(separator: "&")
        let signed = SignableRequest(
            method: request.method, rawPath: request.rawPath, rawQuery: query, headers: request.headers)
        let canonical = CanonicalRequest(signed, service: service, signedHeaders: names, payloadHash: payloadHash)
        return query + "&X-Amz-Signature="
            + signature(of: canonical, scope: scope, time: time, secret: credential.secret)
    }

    /// The lower-case hexadecimal SHA-256 of a body.
    package static func payloadHash(_ bytes: some Sequence<UInt8>) -> String {
        Hex.encode(SHA256.hash(data: Array(bytes)))
    }

    /// The same, without a copy of the body.
    package static func payloadHash(_ bytes: UnsafeRawBufferPointer) -> String {
        var hash = SHA256()
        hash.update(bufferPointer: bytes)
        return Hex.encode(hash.finalize())
    }

    private static func signature(
        of canonical: CanonicalRequest, scope: SigV4Scope, time: SigV4Time, secret: [UInt8]
    ) -> String {
        var key = SymmetricKey(data: Array("AWS4".utf8) + secret)
        for part in [scope.date, scope.region, scope.service, SigV4Scope.terminator] {
            key = SymmetricKey(data: HMAC<SHA256>.authenticationCode(for: Array(part.utf8), using: key))
        }
        let text = [algorithm, time.description, scope.description, payloadHash(canonical.text.utf8)]
            .joined(separator: "\n")
        return Hex.encode(HMAC<SHA256>.authenticationCode(for: Array(text.utf8), using: key))
    }

    /// All headers except those that intermediaries change and those that carry the signature.
    private static func signable(_ headers: [(name: String, value: String)]) -> [String] {
        let never: Set = ["authorization", "user-agent", "expect", "connection", "transfer-encoding", "x-amzn-trace-id"]
        return Set(headers.map { $0.name.lowercased() }).subtracting(never).sorted()
    }
}

/// The SHA-256 of a body that arrives in parts, for checking its signature.
package struct PayloadHash {
    private var hash = SHA256()

    package init() {}

    package mutating func update(_ part: UnsafeRawBufferPointer) { hash.update(bufferPointer: part) }

    /// In lower case. The hash can be continued.
    package var hexadecimal: String { Hex.encode(hash.finalize()) }
}
