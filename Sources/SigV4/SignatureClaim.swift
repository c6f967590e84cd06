/// The signature that a request carries; only `SigV4.verify` proves it.
package struct SignatureClaim: Sendable {
    package enum Form: Sendable, Equatable {
        /// In the `Authorization` header.
        case header
        /// In `X-Amz-…` query parameters, valid for this many seconds.
        case query(expires: Int64)
    }

    package let form: Form
    package let accessKeyID: String
    package let scope: SigV4Scope
    /// Lower case, sorted, each once.
    package let signedHeaders: [String]
    /// Lower-case hexadecimal.
    package let signature: String
    package let time: SigV4Time
    package let sessionToken: String?

    /// Reads the claim; nil if the request carries no AWS signature.
    init?(of request: SignableRequest) throws(SigV4Error) {
        let authorization = request.header("authorization").flatMap { $0.hasPrefix("AWS4-") ? $0 : nil }
        let query = RawQuery(request.rawQuery)
        guard query.items.count <= RawQuery.mostItems else { throw .tooManyParameters }
        let isPresigned = query.value("X-Amz-Algorithm") != nil || query.value("X-Amz-Signature") != nil
        switch (authorization, isPresigned) {
        case (nil, false): return nil
        case (.some, true): throw .twoSignatures
        case (.some(let header), false): try self.init(authorization: header, of: request)
        case (nil, true): try self.init(query: query)
        }
        try Self.checkUniqueness(of: request, query)
        try Self.checkCoverage(of: request, by: signedHeaders)
    }

    /// The most names in `SignedHeaders`. Above the number of headers that a request may have.
    private static let mostNames = 256

    /// Requires lower case and alphabetical order, as AWS does. Each name is then unique, and one comparison of neighbours checks
    /// that.
    private static func names(_ text: String) throws(SigV4Error) -> [String] {
        let names = text.utf8.split(separator: UInt8(ascii: ";"), maxSplits: mostNames, omittingEmptySubsequences: false)
        guard names.count <= mostNames else { throw .malformedSignedHeaders(String(text.prefix(64))) }
        let texts = names.map { String(Substring($0)) }
        let isInOrder = zip(texts, texts.dropFirst()).allSatisfy { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        guard isInOrder, texts.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy(isSmall) }) else {
            throw .malformedSignedHeaders(String(text.prefix(64)))
        }
        return texts
    }

    /// A lower-case byte of a header name (RFC 9110, 5.6.2).
    private static func isSmall(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x61...0x7a: true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }

    private init(authorization: String, of request: SignableRequest) throws(SigV4Error) {
        let algorithm = authorization.prefix { $0 != " " }
        guard algorithm == SigV4.algorithm else { throw .unsupportedAlgorithm(String(algorithm.prefix(64))) }
        var fields: [String: String] = [:]
        for field in authorization.dropFirst(algorithm.count).split(separator: ",") {
            let field = field.drop { $0 == " " || $0 == "\t" }
            guard let equals = field.firstIndex(of: "=") else { continue }
            let name = String(field[..<equals])
            guard fields.updateValue(RawQuery.trimmed(field[field.index(after: equals)...]), forKey: name) == nil else {
                throw .givenTwice(String(name.prefix(64)))
            }
        }
        let date = request.header("x-amz-date") ?? request.header("date")
        let needed = ["Credential", "Signature", "SignedHeaders"].filter { fields[$0, default: ""].isEmpty }
        var missing = needed.map { "Authorization header requires '\($0)' parameter." }
        if date == nil {
            missing.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
        }
        guard missing.isEmpty, let date, let credential = fields["Credential"],
            let signature = fields["Signature"], let signedHeaders = fields["SignedHeaders"]
        else { throw .incomplete(missing) }
        guard let time = SigV4Time(date) ?? SigV4Time(httpDate: date) else {
            throw .malformedDate(String(date.prefix(64)))
        }
        try self.init(
            form: .header, credential: credential, signedHeaders: signedHeaders, signature: signature, time: time,
            sessionToken: request.header("x-amz-security-token"))
    }

    private init(query: RawQuery) throws(SigV4Error) {
        let algorithm = query.value("X-Amz-Algorithm") ?? ""
        guard algorithm == SigV4.algorithm else { throw .unsupportedAlgorithm(String(algorithm.prefix(64))) }
        let names = ["X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date"]
        let missing = names.filter { (query.value($0) ?? "").isEmpty }
        guard missing.isEmpty, let credential = query.value(names[0]), let signature = query.value(names[1]),
            let signedHeaders = query.value(names[2]), let date = query.value(names[3])
        else { throw .incomplete(missing.map { "AWS query-string parameters must include '\($0)'." }) }
        guard let time = SigV4Time(date) else { throw .malformedDate(String(date.prefix(64))) }
        // Without it a query signature is valid for as long as one in a header: 15 minutes.
        let expires = query.value("X-Amz-Expires") ?? "900"
        guard let seconds = Int64(expires), (1...604_800).contains(seconds) else {
            throw .malformedExpires(String(expires.prefix(64)))
        }
        try self.init(
            form: .query(expires: seconds), credential: credential, signedHeaders: signedHeaders,
            signature: signature, time: time, sessionToken: query.value("X-Amz-Security-Token"))
    }

    private init(
        form: Form, credential: String, signedHeaders: String, signature: String, time: SigV4Time,
        sessionToken: String?
    ) throws(SigV4Error) {
        let parts = credential.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 5, !parts[0].isEmpty else {
            throw .malformedCredential(String(credential.prefix(300)))
        }
        guard parts[4] == SigV4Scope.terminator else { throw .wrongTerminator(String(parts[4].prefix(64))) }
        guard parts[1] == time.date else {
            throw .dateOutsideScope(scope: String(parts[1].prefix(64)), time: time)
        }
        self.form = form
        accessKeyID = parts[0]
        scope = SigV4Scope(date: parts[1], region: parts[2], service: parts[3])
        self.signedHeaders = try Self.names(signedHeaders)
        self.signature = signature
        self.time = time
        self.sessionToken = sessionToken
    }

    /// AWS's own headers and parameters are there once, whatever their case: of two, a signature would cover both, and each
    /// reader would choose its own.
    private static func checkUniqueness(of request: SignableRequest, _ query: RawQuery) throws(SigV4Error) {
        let headers = request.headers.map { $0.name.lowercased() }
        let parameters = query.items.map { String(decoding: $0.name, as: UTF8.self).lowercased() }
        for names in [headers, parameters] {
            var seen: Set<String> = []
            for name in names where name.hasPrefix("x-amz-") || name == "authorization" {
                guard seen.insert(name).inserted else { throw .givenTwice(String(name.prefix(64))) }
            }
        }
    }

    /// Everything that decides what a request does must be signed: the host and all `X-Amz-…` headers. Otherwise an intermediary
    /// could turn a signed "list" into a "delete" by changing `X-Amz-Target`.
    private static func checkCoverage(
        of request: SignableRequest, by signed: [String]
    ) throws(SigV4Error) {
        let signed = Set(signed)
        guard signed.contains("host") else { throw .headerNotSigned("host") }
        for (name, _) in request.headers {
            let name = name.lowercased()
            if name.hasPrefix("x-amz-"), !signed.contains(name) { throw .headerNotSigned(String(name.prefix(64))) }
        }
    }
}
