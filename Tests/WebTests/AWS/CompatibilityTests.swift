import Foundation
import Testing
import WeirApplication
import WeirVault
import WeirWeb

/// docs/compatibility.md lists the operations that the tables have.
@Suite struct CompatibilityTests {
    @Test func thePageNamesEveryOperationWhereItBelongs() async throws {
        let aws = try await TestAWS()
        let here = Set(aws.application.operations.filter { $0.service != .weir }.map(\.name))
        let missing = Set(KMSOperations.notYet + SecretsOperations.notYet + STSOperations.notYet + IAMOperations.notYet)
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../..")
        let page = try String(contentsOf: root.appendingPathComponent("docs/compatibility.md"), encoding: .utf8)
        #expect(Self.names(in: page, after: "Here: ") == here.subtracting(missing))
        #expect(Self.names(in: page, after: "Missing: ") == missing)
    }

    /// The operations in the lines that begin with `mark`.
    private static func names(in page: String, after mark: String) -> Set<String> {
        let lines = page.split(separator: "\n").filter { $0.hasPrefix(mark) }
        return Set(lines.flatMap { $0.split(separator: "`").map(String.init).filter { $0.allSatisfy(\.isLetter) } })
    }
}
