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
}
