import NIOCore
import NIOPosix
import WeirCore

/// Reads a call's input from its body, or from its form.
enum AWSInput {
    /// Longer documents, in bytes, are parsed on another thread: the connection's event loop has other connections to serve.
    private static let longDocument = 256 << 10

    private static func document(_ body: ByteBuffer) async throws -> JSONValue {
        guard body.readableBytes > Self.longDocument else { return try JSONValue(parsing: body.readableBytesView) }
        return try await NIOThreadPool.singleton.runIfActive { try JSONValue(parsing: body.readableBytesView) }
    }

    static func parameters(of target: AWSTarget, _ service: AWSService, _ body: ByteBuffer) async throws -> Parameters {
        switch target.dialect {
        case .query:
            return Parameters(try target.form.input(), service: service, encoding: .form)
        case .json:
            // A call without members may come without a body.
            if body.readableBytes == 0 { return Parameters([:], service: service) }
            let document: JSONValue
            do {
                document = try await Self.document(body)
            } catch let error as JSONError {
                throw Refusal(.malformedRequest, "The request's body is not JSON: \(error)")
            }
            guard case .object(let members) = document else {
                throw Refusal(.malformedRequest, "The request's body is not a JSON object")
            }
            return Parameters(members, service: service)
        }
    }
}
