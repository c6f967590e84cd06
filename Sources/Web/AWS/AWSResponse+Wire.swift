import WeirCore
import NIOCore

extension AWSResponse {
    /// A success, in the request's dialect.
    init(_ output: JSONValue, _ target: AWSTarget, requestID: String) {
        switch target.dialect {
        case .json(let contentType):
            self.init(status: 200, contentType: contentType, requestID: requestID, body: output.bytes)
        case .query(answer: .json):
            let name = target.operation
            let body: JSONValue = [
                "\(name)Response": [
                    "\(name)Result": output, "ResponseMetadata": ["RequestId": .string(requestID)],
                ]
            ]
            self.init(status: 200, contentType: Self.json, requestID: requestID, body: body.bytes)
        case .query(answer: .xml):
            var xml = XML()
            let name = target.operation
            xml.element(name + "Response", attributes: " xmlns=\"\(target.namespace)\"") { xml in
                xml.element(name + "Result") { xml in xml.write(output) }
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
            // As AWS does: Secrets Manager writes a capital, and some clients read one spelling only.
            members[target.service == .secretsmanager ? "Message" : "message"] = .string(error.message)
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
            var xml = XML()
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

/// The XML of the Query protocol: elements and text, nothing else.
private struct XML {
    private var text = ""

    var bytes: ByteBuffer { ByteBuffer(string: text) }

    mutating func element(_ name: String, attributes: String = "", _ content: (inout XML) -> Void) {
        text += "<\(name)\(attributes)>"
        content(&self)
        text += "</\(name)>"
    }

    mutating func element(_ name: String, text content: String) {
        element(name) { xml in xml.escape(content) }
    }

    /// An object's members as elements, an array's as `member`.
    mutating func write(_ value: JSONValue) {
        switch value {
        case .null: break
        case .bool(let flag): text += flag ? "true" : "false"
        case .integer(let number): text += String(number)
        case .number(let number): text += "\(number)"
        case .string(let string): escape(string)
        case .array(let values): for value in values { element("member") { $0.write(value) } }
        case .object(let members):
            for (name, value) in members.sorted(by: { $0.key < $1.key }) { element(name) { $0.write(value) } }
        }
    }

    private mutating func escape(_ content: String) {
        for scalar in content.unicodeScalars {
            switch scalar {
            case "&": text += "&amp;"
            case "<": text += "&lt;"
            case ">": text += "&gt;"
            case "\"": text += "&quot;"
            case "\t", "\n": text.unicodeScalars.append(scalar)
            // XML 1.0 has no way to write the other control characters.
            case _ where scalar.value < 0x20 || scalar.value == 0xfffe || scalar.value == 0xffff: text += "\u{fffd}"
            default: text.unicodeScalars.append(scalar)
            }
        }
    }
}
