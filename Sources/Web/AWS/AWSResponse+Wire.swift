import WeirCore
import NIOCore

extension AWSResponse {
    /// A success, in the request's dialect.
    init(_ output: JSONValue, _ shape: AnswerShape, _ target: AWSTarget, requestID: String) {
        switch target.dialect {
        case .json(let contentType):
            self.init(status: 200, contentType: contentType, requestID: requestID, body: output.bytes)
        case .query(answer: .json):
            let name = target.operation
            let body: JSONValue = [
                "\(name)Response": .members([
                    "\(name)Result": shape.isNothing ? nil : output, "ResponseMetadata": ["RequestId": .string(requestID)],
                ])
            ]
            self.init(status: 200, contentType: Self.json, requestID: requestID, body: body.bytes)
        case .query(answer: .xml):
            var xml = QueryXML(maps: shape.maps)
            let name = target.operation
            xml.element(name + "Response", attributes: " xmlns=\"\(target.namespace)\"") { xml in
                if !shape.isNothing { xml.member(name + "Result", output) }
                xml.element("ResponseMetadata") { xml in xml.element("RequestId", text: requestID) }
            }
            self.init(status: 200, contentType: "text/xml", requestID: requestID, body: xml.bytes)
        }
    }

    /// A refusal, in the request's dialect.
    init(_ error: AWSError, _ target: AWSTarget, requestID: String) {
        switch target.dialect {
        case .json(let contentType):
            var members = error.members
            members["__type"] = .string(error.code)
            for name in Self.messageNames(error, target) { members[name] = .string(error.message) }
            self.init(
                status: error.status, contentType: contentType, requestID: requestID,
                body: JSONValue.object(members).bytes, extra: [("x-amzn-ErrorType", error.code)])
        case .query(answer: .json):
            let body: JSONValue = [
                "Error": [
                    "Type": .string(error.side), "Code": .string(error.code), "Message": .string(error.message),
                ],
                "RequestId": .string(requestID),
            ]
            self.init(status: error.status, contentType: Self.json, requestID: requestID, body: body.bytes)
        case .query(answer: .xml):
            var xml = QueryXML()
            xml.element("ErrorResponse", attributes: " xmlns=\"\(target.namespace)\"") { xml in
                xml.element("Error") { xml in
                    xml.element("Type", text: error.side)
                    xml.element("Code", text: error.code)
                    xml.element("Message", text: error.message)
                }
                xml.element("RequestId", text: requestID)
            }
            self.init(status: error.status, contentType: "text/xml", requestID: requestID, body: xml.bytes)
        }
    }

    /// As AWS does: Secrets Manager writes a capital, KMS writes both where access is denied, and some clients read one spelling
    /// only.
    private static func messageNames(_ error: AWSError, _ target: AWSTarget) -> [String] {
        switch target.service {
        case .secretsmanager: ["Message"]
        case .kms where error.code == "AccessDeniedException": ["message", "Message"]
        default: ["message"]
        }
    }

    private static let json = "application/json"

    private init(
        status: Int, contentType: String, requestID: String, body: ByteBuffer, extra: [(name: String, value: String)] = []
    ) {
        self.init(
            status: status,
            headers: [("x-amzn-RequestId", requestID), ("Content-Type", contentType)] + extra, body: body)
    }
}

extension AWSError {
    /// The side at fault, in the Query protocol's words.
    fileprivate var side: String { status >= 500 ? "Receiver" : "Sender" }
}

extension AWSTarget {
    var namespace: String { (service ?? .sts).xmlNamespace }
}
