import Testing
import WeirApplication
import WeirCore
import WeirRegistry
import WeirWeb

@Suite struct OperatorRightsTests {
    @Test("The action of each of the operators' operations is listed, once")
    func actions() async throws {
        let aws = try await TestAWS()
        let operations = Set(aws.application.operations.filter { $0.service == .weir }.map(\.name))
        let unnamed = operations.subtracting(ECRActions.operators).subtracting(ECRActions.accountOperators)
        #expect(unnamed.isEmpty, "ECRActions lacks \(unnamed.sorted())")
        #expect(Set(ECRActions.accountOperators).isSubset(of: operations))
        #expect(Set(ECRActions.operators).isDisjoint(with: ECRActions.accountOperators))
    }

    @Test("A registry's policy cannot name what concerns accounts", arguments: ECRActions.accountOperators)
    func unnameable(action: String) async throws {
        let aws = try await TestAWS()
        let policy = """
            {"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"weir:\(action)","Resource":"*"}]}
            """
        await #expect(throws: Refusal.self) { try await aws.registry.settings.setPolicy(policy, of: aws.id) }
    }

    /// The server's own operations belong to no region: a signature for another partition changes no ARN that a Deny is about.
    @Test("A Deny by the caller's ARN holds whatever region is signed for", arguments: ["us-east-1", "cn-north-1", "us-gov-west-1"])
    func regions(name: String) async throws {
        let house = try await IAMHouse()
        let arn = "arn:aws:iam::\(house.account):user/ops"
        let deny =
            #",{"Effect":"Deny","Action":"weir:*","Resource":"*","Condition":{"ArnEquals":{"aws:PrincipalArn":"\#(arn)"}}}"#
        let user = try await house.user("ops", may: ["weir:*"], deny)
        let region = try Region(name)
        for operation in ["ListAccounts", "StartGarbageCollection", "ListLost"] {
            let row = try #require(
                house.aws.application.operations.first { $0.service == .weir && $0.name == operation }, "\(operation)")
            let call = AWSCall(
                registry: RegistryID(account: house.account, region: region), caller: user.seen(in: region), accessKeyID: "AKIA",
                requestID: "1", now: TestAWS.now, input: Parameters([:], service: .weir),
                settings: AWSSettings(publicHost: "localhost:5050", scheme: .http, home: house.aws.id))
            let refusal = await #expect(throws: Refusal.self, "\(operation)") {
                _ = try await row.answer(call, house.aws.registry.access)
            }
            #expect(refusal?.message.contains("with an explicit deny in an identity-based policy") == true, "\(operation)")
        }
    }
}
