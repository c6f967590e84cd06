import NIOCore
import Testing
import WeirApplication
import WeirCore
import WeirIdentity
import WeirRegistry
import WeirWeb

/// IAM's operations over a whole registry, called by its root or by users that are simply there.
struct TestIAM {
    static let anything = #"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#
    static let nothing = #"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}"#

    let aws: TestAWS
    var account: AccountID { aws.id.account }

    init() async throws { aws = try await TestAWS() }

    /// A user, group or role that is simply there.
    @discardableResult
    func made(
        _ kind: EntityKind, _ name: String, path: String = "/", tags: String = "{}", in account: AccountID? = nil
    ) async throws -> Caller {
        let account = account ?? self.account
        _ = try await aws.application.ports.database.write { sql in
            try sql.execute(
                """
                INSERT INTO iam_entity (id, account, kind, name, folded_name, path, created_at, changed_at, tags)
                VALUES ($1, $2, $3, $4, $5, $6, 1, 1, $7)
                """,
                [
                    .text("AIDA\(name)"), .text(account), .text(kind.rawValue), .text(name), .text(Entity.folded(name)),
                    .text(path), .text(tags),
                ])
            if kind == .role {
                try sql.execute(
                    "INSERT INTO iam_role (id, trust, trust_pins, max_session_seconds) VALUES ($1, '{}', '{}', 3600)",
                    [.text("AIDA\(name)")])
            }
        }
        return user(name, path: path, in: account)
    }

    func user(_ name: String, path: String = "/", in account: AccountID? = nil, session: CallerSession? = nil) -> Caller {
        let account = account ?? self.account
        let identity = IAMIdentity(id: "AIDA\(name)", arn: "arn:aws:iam::\(account):user\(path)\(name)", name: name)
        return .user(identity, of: account, session: session)
    }

    /// A session of the user that may do only what `policy` allows too.
    func session(of name: String, _ policy: String) -> Caller {
        let session = CallerSession(
            accessKeyID: "ASIA\(policy.hashValue)", issuedAt: TestAWS.now, expiresAt: TestAWS.now + .seconds(3_600),
            policies: [policy])
        return user(name, session: session)
    }

    /// The answer to a call, by the account's root unless another is named.
    @discardableResult
    func call(_ name: String, _ input: JSONValue = [:], by caller: Caller? = nil) async throws -> JSONValue {
        try await warned(name, input, by: caller).answer
    }

    func warned(
        _ name: String, _ input: JSONValue = [:], by caller: Caller? = nil
    ) async throws -> (answer: JSONValue, warnings: CallWarnings) {
        let operation = try #require(aws.application.operations.last { $0.service == .iam && $0.name == name }, "\(name)")
        guard case .object(let members) = input else { return ([:], CallWarnings()) }
        let caller = caller ?? .root(of: account)
        let call = AWSCall(
            registry: RegistryID(account: caller.account, region: aws.id.region), caller: caller,
            accessKeyID: TestAWS.accessKeyID,
            requestID: "1", now: TestAWS.now, input: Parameters(members, service: .iam, encoding: .form),
            settings: AWSSettings(publicHost: "localhost:5050", scheme: .http, home: aws.id))
        return (try await operation.answer(call, aws.registry.access), call.warnings)
    }

    /// `reason: message` of a call that is refused; nil for one that is not.
    func refusal(_ name: String, _ input: JSONValue = [:], by caller: Caller? = nil) async throws -> String? {
        do { try await call(name, input, by: caller) } catch let refusal as Refusal { return "\(refusal)" } catch let violations
            as Violations
        { return "\(violations.refusal)" }
        return nil
    }

    func allow(_ name: String, _ action: String, on resource: String = "*", if condition: String? = nil) async throws {
        let more = condition.map { ",\"Condition\":\($0)" } ?? ""
        try await put(name, #"{"Effect":"Allow","Action":"\#(action)","Resource":"\#(resource)"\#(more)}"#)
    }

    /// The only policy inside the user.
    func put(_ name: String, _ statement: String) async throws {
        try await call(
            "PutUserPolicy",
            ["UserName": .string(name), "PolicyName": "only", "PolicyDocument": .string(Self.policy(statement))])
    }

    static func policy(_ statement: String) -> String { #"{"Version":"2012-10-17","Statement":[\#(statement)]}"# }
}
