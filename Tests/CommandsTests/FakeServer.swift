import Synchronization
import WeirCommands
import WeirCore
import WeirSigV4

/// A server's API in this process: an answer for each operation, and a record of what it was asked.
final class FakeServer: ServerAPI {
    struct Call: Sendable {
        let operation: String
        let body: String
        let accessKeyID: String?
        let sessionToken: String?
        let region: String
    }

    typealias Answers = @Sendable (Call) throws -> APIAnswer

    let server: String
    let isPrivate: Bool
    private let answers: Answers
    private let record = Mutex<[Call]>([])

    init(server: String = "https://registry.example", isPrivate: Bool = true, _ answers: @escaping Answers = FakeServer.well) {
        self.server = server
        self.isPrivate = isPrivate
        self.answers = answers
    }

    var calls: [Call] { record.withLock { $0 } }

    func post(_ request: APIRequest, signedBy key: SigV4Credential?, in region: String) async throws -> APIAnswer {
        let action = request.body.split(separator: "&").first { $0.hasPrefix("Action=") }?.dropFirst(7)
        let operation = request.target?.split(separator: ".").last ?? action ?? ""
        let call = Call(
            operation: String(operation), body: request.body, accessKeyID: key?.accessKeyID, sessionToken: key?.sessionToken,
            region: region)
        record.withLock { $0.append(call) }
        return try answers(call)
    }

    // MARK: Answers

    /// 2026-06-01T00:00:00Z.
    static let now = Timestamp(seconds: 1_780_272_000)
    static let password = "planted-registry-password"
    static let sessionSecret = "planted-session-secret"
    static let sessionToken = "planted-session-token"

    /// Sessions for all, and a password for twelve hours.
    @Sendable static func well(_ call: Call) -> APIAnswer {
        switch call.operation {
        case "AssumeRole", "AssumeRoleWithWebIdentity": session(for: call)
        case "GetAuthorizationToken": token(lasting: 43_200)
        default: refusal("UnknownOperationException", "no such operation")
        }
    }

    static func session(for call: Call) -> APIAnswer {
        // Each session has an id that tells whose it is.
        let id = "ASIA-of-\(call.accessKeyID ?? "nobody")"
        return APIAnswer(
            status: 200,
            document: [
                "\(call.operation)Response": [
                    "\(call.operation)Result": [
                        "Credentials": [
                            "AccessKeyId": .string(id), "SecretAccessKey": .string(sessionSecret),
                            "SessionToken": .string(sessionToken), "Expiration": "2026-06-01T01:00:00Z",
                        ]
                    ]
                ]
            ])
    }

    /// - Parameter seconds: from `now`.
    static func token(lasting seconds: Int64, text: String? = nil) -> APIAnswer {
        let text = text ?? base64("AWS:\(password)")
        return APIAnswer(
            status: 200,
            document: [
                "authorizationData": [
                    [
                        "authorizationToken": .string(text), "expiresAt": .timestamp(now + .seconds(seconds)),
                        "proxyEndpoint": "https://registry.example",
                    ]
                ]
            ])
    }

    static func refusal(_ code: String, _ message: String) -> APIAnswer {
        APIAnswer(status: 400, document: ["__type": .string(code), "message": .string(message)])
    }

    static func queryRefusal(_ code: String, _ message: String) -> APIAnswer {
        APIAnswer(
            status: 403,
            document: ["Error": ["Type": "Sender", "Code": .string(code), "Message": .string(message)], "RequestId": "1"])
    }

    static func base64(_ text: String) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
        var encoded = ""
        let bytes = Array(text.utf8)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let bits = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
            for place in 0..<4 { encoded.append(place <= group.count ? alphabet[bits >> (18 - 6 * place) & 63] : "=") }
        }
        return encoded
    }
}

/// A machine that signs in: its files, its environment and its clock.
struct FakeMachine: Sendable {
    static let keys = ["AWS_ACCESS_KEY_ID": "AKIAENV", "AWS_SECRET_ACCESS_KEY": "planted-env-secret"]

    var environment = keys.merging(["WEIR_HOSTS": "registry.example registry.example:5050"]) { $1 }
    var files: [String: String] = [:]
    var printed: [String: String] = [:]
    var now = FakeServer.now
    var cache: TokenCache?

    var clock: WallClock { WallClock { [now] in now } }

    @Sendable func contents(_ path: String) throws(CommandProblem) -> [UInt8]? { files[path].map { Array($0.utf8) } }

    func hosts() throws(CommandProblem) -> RegistryHosts {
        try RegistryHosts(file: nil, environment) { path throws(CommandProblem) in try contents(path) }
    }

    func signIn(_ server: FakeServer) -> RegistrySignIn {
        RegistrySignIn(
            environment: environment, contents: { path throws(CommandProblem) in try contents(path) },
            run: { [printed] command throws(CommandProblem) in
                guard let output = printed[command] else { throw CommandProblem("ended with 1: run it by hand to see why") }
                return Array(output.utf8)
            }, cache: cache, clock: clock
        ) { _, call in try await call(server) }
    }

    func help(_ action: String, _ input: String, _ server: FakeServer = FakeServer()) async -> HelperAnswer {
        await help(action, Array(input.utf8), server)
    }

    func help(_ action: String, _ input: [UInt8], _ server: FakeServer = FakeServer()) async -> HelperAnswer {
        await CredentialHelper({ () throws(CommandProblem) in try hosts() }, signIn(server)).answer(action, input: input)
    }

    func provide(
        _ request: JSONValue, _ server: FakeServer = FakeServer(), _ options: CredentialProvider.Options = .init()
    ) async -> HelperAnswer {
        await provide(Array(request.text.utf8), server, options)
    }

    func provide(
        _ request: [UInt8], _ server: FakeServer = FakeServer(), _ options: CredentialProvider.Options = .init()
    ) async -> HelperAnswer {
        await CredentialProvider(options, { () throws(CommandProblem) in try hosts() }, signIn(server), clock: clock).answer(
            request)
    }
}
