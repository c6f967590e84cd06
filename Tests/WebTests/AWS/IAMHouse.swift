import Testing
import WeirApplication
import WeirCore
import WeirIdentity
import WeirRegistry
import WeirWeb

/// IAM's operations as the AWS door runs them, for any caller.
struct IAMHouse: Sendable {
    let aws: TestAWS

    init() async throws { aws = try await TestAWS() }

    var keys: Application.Keys { aws.application.keys }
    var account: AccountID { aws.id.account }
    var root: Caller { .root(of: account) }

    /// Of another account of this server.
    var foreignRoot: Caller { get throws { .root(of: try AccountID("444455556666")) } }

    /// A user that may what an inline policy says: `Allow` of these actions on these resources.
    func user(
        _ name: String, path: String = "/", may actions: [String] = [], on resource: String = "*", when condition: String = "{}",
        _ more: String = ""
    ) async throws -> Caller {
        let user = try await keys.users.create(NewEntity(name, path: path), in: account)
        let list = actions.map { "\"\($0)\"" }.joined(separator: ",")
        if !actions.isEmpty {
            let document =
                #"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":[\#(list)],"Resource":"\#(resource)","Condition":\#(condition)}\#(more)]}"#
            // The rows of another room's service: what a policy may say is not what is tested here.
            _ = try await aws.application.ports.database.write { sql in
                try sql.execute(
                    "INSERT INTO iam_inline_policy (owner_id, name, document) VALUES ($1, $2, $3)",
                    [.text(user.id), .text("own"), .text(document)])
            }
        }
        return .user(user.identity(), of: account)
    }

    /// The answer to an operation.
    @discardableResult
    func call(_ name: String, _ input: JSONValue = [:], by caller: Caller? = nil, region: String = "us-east-1") async throws
        -> JSONValue
    {
        let caller = caller ?? root
        let operation = try #require(aws.application.operations.first { $0.service == .iam && $0.name == name })
        guard case .object(let members) = input else { return .null }
        let call = AWSCall(
            registry: RegistryID(account: caller.account, region: try Region(region)), caller: caller,
            accessKeyID: TestAWS.accessKeyID, requestID: "1", now: TestAWS.now, input: Parameters(members, service: .iam),
            settings: AWSSettings(publicHost: "localhost:5050", scheme: .http, home: aws.id))
        return try await operation.answer(call, aws.registry.access)
    }

    /// What an operation is refused with: `STATUS CODE: message`; `200` where it is not.
    func told(_ name: String, _ input: JSONValue = [:], by caller: Caller? = nil, region: String = "us-east-1") async throws
        -> String
    {
        let refusal: Refusal
        do {
            try await call(name, input, by: caller, region: region)
            return "200"
        } catch let violations as Violations { refusal = violations.refusal } catch let error as Refusal { refusal = error }
        let error = AWSError(refusal, for: .iam)
        return "\(error.status) \(error.code): \(error.message)"
    }
}
