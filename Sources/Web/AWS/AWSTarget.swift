import Logging
import NIOCore
import WeirCore
import WeirText

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
    let service: AWSService?
    /// Empty where the head does not tell it: a Query request may have it in its form, which is read when the caller is known.
    private(set) var operation: String
    /// A Query request's parameters.
    private(set) var form: [String: String]

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
            form = [:]
            return
        }
        service = signed
        form = try Self.fields(of: request.rawQuery.utf8[...])
        operation = String((form["Action"] ?? "").prefix(128))
        // Without any of these the dialect cannot be told.
        let isQuery = form["Action"] != nil || Self.isForm(request) || signed == .sts || signed == .iam
        dialect =
            isQuery
            ? .query(answer: QueryAnswer(accept: request.header("accept"))) : .json(contentType: "application/x-amz-json-1.1")
        if !isQuery { form = [:] }
    }

    /// The target of a request of which only the dialect could be read.
    init(dialect: Dialect) {
        self.dialect = dialect
        service = nil
        operation = ""
        form = [:]
    }

    /// The same target, with the fields of the body's form where it is a Query request with one.
    func reading(_ body: ByteBuffer, of request: AWSRequest) throws(Refusal) -> AWSTarget {
        guard case .query = dialect, Self.isForm(request) else { return self }
        var target = self
        let fields = try Self.fields(of: Substring(String(buffer: body)).utf8)
        target.form.merge(fields) { _, last in last }
        target.operation = String((target.form["Action"] ?? "").prefix(128))
        return target
    }

    private static func isForm(_ request: AWSRequest) -> Bool {
        request.header("content-type")?.lowercased().hasPrefix("application/x-www-form-urlencoded") ?? false
    }

    /// More than any call here needs.
    private static let mostFields = 1_000

    private static func fields(of text: Substring.UTF8View) throws(Refusal) -> [String: String] {
        // Counted while splitting, since the text comes from a stranger.
        let items = text.split(separator: UInt8(ascii: "&"), maxSplits: mostFields)
        guard items.count <= mostFields else {
            throw Refusal(.malformedRequest, "Too many parameters: a call has \(mostFields) at most")
        }
        var fields: [String: String] = [:]
        for item in items {
            let rawName = item.prefix { $0 != UInt8(ascii: "=") }
            guard let name = decoded(rawName), let value = decoded(item[rawName.endIndex...].dropFirst()) else {
                throw Refusal(.malformedRequest, "A parameter is not percent-encoded UTF-8")
            }
            // They belong to a presigned call's signature and not to the operation, and could be used to send the call again.
            guard !name.hasPrefix("X-Amz-") else { continue }
            fields[name] = value
        }
        return fields
    }

    private static func decoded(_ text: Substring.UTF8View) -> String? {
        PercentCoding.decoded(text, plusIsSpace: true).flatMap { String(validating: $0, as: UTF8.self) }
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
