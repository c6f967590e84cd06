import Testing
import WeirCore
import WeirWeb

@Suite struct OperatorRightsTests {
    @Test("A policy can name the action of each of the operators' operations")
    func actions() async throws {
        let aws = try await TestAWS()
        let operations = WeirOperations.table(registry: aws.registry, home: aws.id).map(\.name)
        let unnamed = Set(operations).subtracting(ECRActions.operators)
        #expect(unnamed.isEmpty, "ECRActions.operators lacks \(unnamed.sorted())")
    }
}
