import WeirCore

/// A client of a running server's signed API.
struct OperatorClient: Sendable {
    private let connection: ServerConnection
    private let credentials: OperatorCredentials
    private let region: String

    init(_ connection: ServerConnection, credentials: OperatorCredentials, region: String) {
        self.connection = connection
        self.credentials = credentials
        self.region = region
    }

    /// The registry's host as the operator wrote it, which image names may begin with.
    var host: String { connection.host }

    /// Throws `OperatorRefusal` if the server refuses, `CommandProblem` if it cannot be reached.
    func call(_ operation: String, _ input: JSONValue) async throws -> JSONValue {
        let answer = try await connection.post(
            APIRequest("Weir_20261122.\(operation)", of: "ecr", input), signedBy: credentials.key, in: region)
        guard let refusal = answer.refusal else { return answer.document }
        let explained = credentials.explanation(of: refusal.code, refusal.message, by: connection.server)
        throw explained.map { CommandProblem($0) }
            ?? OperatorRefusal(code: refusal.code, message: Redaction.hiding(credentials.secrets, in: refusal.message))
    }

    /// As `call`; nil if the caller lacks the permission.
    func callIfAllowed(_ operation: String, _ input: JSONValue) async throws -> JSONValue? {
        do { return try await call(operation, input) } catch let refusal as OperatorRefusal
            where refusal.code == "AccessDeniedException"
        {
            return nil
        }
    }
}
