import NIOCore
import WeirCore

/// What a request asks for, before anybody knows who asks: the protocol, the service and the operation's name.
struct AWSTarget: Sendable, Equatable {
    /// How the request is written, and so the answer.
    enum Dialect: Sendable, Equatable {
        /// JSON 1.0 or 1.1, the operation in `X-Amz-Target`. The text is the answer's content type.
        case json(contentType: String)
        /// Query: a form in, XML out.
        case query
    }

    let dialect: Dialect
    /// Nil where the target names none that is known here.
    let service: AWSService?
    let operation: String
    /// A Query request's form.
    let form: [String: String]

    /// Reads it from the header, or from the form. A Query request names its service only in the scope of its signature.
    init(of request: AWSRequest, signedService: String?) throws(Refusal) {
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
        let fields = try Self.form(of: request)
        guard let action = fields["Action"] else {
            // Without either there is nothing to tell the dialect by but the service that it is signed for.
            let isQuery = signed == .sts || signed == .iam
            dialect = isQuery ? .query : .json(contentType: "application/x-amz-json-1.1")
            service = signed
            operation = ""
            form = [:]
            return
        }
        dialect = .query
        service = signed
        operation = String(action.prefix(128))
        form = fields
    }

    /// The query's fields, and the body's where it is a form.
    private static func form(of request: AWSRequest) throws(Refusal) -> [String: String] {
        var fields: [String: String] = [:]
        var texts = [request.rawQuery]
        if request.header("content-type")?.lowercased().hasPrefix("application/x-www-form-urlencoded") ?? false {
            texts.append(String(buffer: request.body))
        }
        for item in texts.flatMap({ $0.split(separator: "&") }) {
            // Protects the table; no Query call that is answered here has more than a few.
            guard fields.count < 1_000 else { throw Refusal(.malformedRequest, "Too many parameters") }
            let parts = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = decoded(parts[0]), let value = decoded(parts.count > 1 ? parts[1] : "") else {
                throw Refusal(.malformedRequest, "A parameter is not percent-encoded UTF-8")
            }
            // Of a presigned call: they are the signature's, not the operation's, and whoever has them could send it again.
            guard !name.hasPrefix("X-Amz-") else { continue }
            fields[name] = value
        }
        return fields
    }

    private static func decoded(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "+"): bytes.append(0x20)
            case UInt8(ascii: "%"):
                guard rest.count >= 2, let code = Hex.decode(String(rest.prefix(2)) ?? "") else { return nil }
                bytes += code
                rest = rest.dropFirst(2)
            default: bytes.append(byte)
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
