package import WeirCore
package import WeirSigV4

/// A server's API, one POST at a time: a running server, or what stands for it in tests.
package protocol ServerAPI: Sendable {
    /// The URL without its path, as sentences name it.
    var server: String { get }
    /// False where what is sent can be read on its way: plain HTTP to another machine.
    var isPrivate: Bool { get }

    /// The answer, whatever its status. Throws `CommandProblem` if there is none, or none that is JSON.
    ///
    /// - Parameter key: signs the request; nil sends it unsigned.
    func post(_ request: APIRequest, signedBy key: SigV4Credential?, in region: String) async throws -> APIAnswer
}

/// One call. Its description and its mirror hide the body, which may hold a web identity token.
package struct APIRequest: Sendable, CustomStringConvertible, CustomReflectable {
    /// The service's name in the signature's scope: `ecr`, `sts`.
    package let service: String
    /// Names the operation of a JSON call; nil for a Query call, whose form names it.
    package let target: String?
    package let body: String

    /// JSON 1.1.
    package init(_ target: String, of service: String, _ input: JSONValue) {
        self.service = service
        self.target = target
        body = input.text
    }

    /// Query, with an answer in JSON. `Action` and `Version` are fields too.
    package init(query fields: KeyValuePairs<String, String?>, of service: String) {
        self.service = service
        target = nil
        body = Form.encoded(fields)
    }

    package var contentType: String {
        target == nil ? "application/x-www-form-urlencoded; charset=utf-8" : "application/x-amz-json-1.1"
    }

    package var description: String { "(a call of \(target ?? service))" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

/// What the API answered. Its description and its mirror hide the document, which may hold keys.
package struct APIAnswer: Sendable, CustomStringConvertible, CustomReflectable {
    package let status: UInt
    package let document: JSONValue

    package init(status: UInt, document: JSONValue) {
        self.status = status
        self.document = document
    }

    /// Why the server refused, in either protocol's form; nil for a success.
    package var refusal: OperatorRefusal? {
        guard status != 200 else { return nil }
        let error = document["Error"] ?? .null
        guard let code = error.text(of: "Code") else { return OperatorRefusal(document) }
        return OperatorRefusal(code: code, message: error.text(of: "Message") ?? "")
    }

    package var description: String { "(an answer of status \(status))" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

/// The server refused a call.
package struct OperatorRefusal: Error, CustomStringConvertible {
    /// The exception's name.
    package let code: String
    package let message: String

    init(code: String, message: String) {
        self.code = code
        self.message = message
    }

    init(_ document: JSONValue) {
        code = document.text(of: "__type") ?? "Refused"
        message = document.text(of: "message") ?? document.text(of: "Message") ?? ""
    }

    package var description: String { message.isEmpty ? code : "\(message) (\(code))" }
}
