import Logging
import NIOCore
import WeirCore

/// What a request asks for, read before the caller is known: the protocol, the service and the operation's name.
struct AWSTarget: Sendable, Equatable {
    /// The protocol of the request, and so of the answer.
    enum Dialect: Sendable, Equatable {
        /// JSON 1.0 or 1.1, the operation in `X-Amz-Target`. The text is the answer's content type.
        case json(contentType: String)
        /// Query: a form in, and the format that the client accepts out.
        case query(answer: QueryAnswer)
    }

    /// The format of a Query answer: XML, unless `Accept` puts JSON before it.
    enum QueryAnswer: Sendable, Equatable {
        case xml, json

        init(accept: String?) {
            let types = (accept ?? "").lowercased().split(separator: ",", maxSplits: 20).map { range in
                range.prefix { $0 != ";" }.filter { $0 != " " }
            }
            self =
                types.first { ["application/json", "text/xml", "application/xml"].contains($0) } == "application/json"
                ? .json : .xml
        }
    }

    let dialect: Dialect
    /// Nil where the target names no service of this server.
    private(set) var service: AWSService?
    /// Empty where the head does not tell it: a Query request may have it in its form, which is read when the caller is known.
    private(set) var operation: String
    /// A Query request's parameters.
    private(set) var form = QueryForm()

    /// Reads it from the head alone. A Query request names its service only in the scope of its signature.
    init(ofHead request: AWSRequest, signedService: String?) throws(Refusal) {
        let signed = signedService.flatMap(AWSService.init(rawValue:))
        if let target = request.header("x-amz-target") {
            let dot = target.lastIndex(of: ".") ?? target.startIndex
            let prefix = target[..<dot]
            service = AWSService.allCases.first { $0.targetPrefix.map { $0 == prefix } ?? false }
            operation = String(target[dot...].drop { $0 == "." }.prefix(128))
            let isOld = request.header("content-type")?.hasPrefix("application/x-amz-json-1.0") ?? false
            dialect = .json(contentType: isOld ? "application/x-amz-json-1.0" : "application/x-amz-json-1.1")
            return
        }
        service = signed
        form = QueryForm()
        try form.add(request.rawQuery.utf8[...])
        operation = String((form["Action"] ?? "").prefix(128))
        // Without any of these the dialect cannot be told.
        let isQuery = form["Action"] != nil || Self.isForm(request) || signed == .sts || signed == .iam
        dialect =
            isQuery
            ? .query(answer: QueryAnswer(accept: request.header("accept"))) : .json(contentType: "application/x-amz-json-1.1")
        if !isQuery { form = QueryForm() }
    }

    /// The target of a request of which only the dialect could be read.
    init(dialect: Dialect) {
        self.dialect = dialect
        service = nil
        operation = ""
    }

    /// The same target, with the fields of the body's form where it is a Query request with one.
    func reading(_ body: ByteBuffer, of request: AWSRequest) throws(Refusal) -> AWSTarget {
        guard case .query = dialect, Self.isForm(request) else { return self }
        var target = self
        try target.form.add(Substring(String(buffer: body)).utf8)
        target.operation = String((target.form["Action"] ?? "").prefix(128))
        return target
    }

    /// A request without a signature that may be one of those which need none: a form by POST, with all of it in the body, which
    /// no log and no proxy's cache keeps.
    static func mayBeUnsigned(_ request: AWSRequest) -> Bool {
        request.method == "POST" && request.rawQuery.isEmpty && isForm(request) && request.header("authorization") == nil
            && request.header("x-amz-target") == nil
    }

    /// The same target as one of STS's, which alone has operations that need no signature.
    func unsigned() -> AWSTarget {
        var target = self
        target.service = .sts
        return target
    }

    private static func isForm(_ request: AWSRequest) -> Bool {
        request.header("content-type")?.lowercased().hasPrefix("application/x-www-form-urlencoded") ?? false
    }
}

extension AWSTarget {
    /// The target of a request of which only the dialect could be read.
    static func unreadable(_ request: AWSRequest) -> AWSTarget {
        let isQuery = request.header("x-amz-target") == nil
        return AWSTarget(
            dialect: isQuery
                ? .query(answer: AWSTarget.QueryAnswer(accept: request.header("accept")))
                : .json(contentType: "application/x-amz-json-1.1"))
    }

    func facts(_ requestID: String) -> Logger.Metadata {
        ["aws.service": "\(service?.rawValue ?? "?")", "aws.operation": "\(operation)", "aws.request_id": "\(requestID)"]
    }
}
