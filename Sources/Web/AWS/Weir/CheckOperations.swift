import WeirCore
import WeirIdentity
import WeirRegistry

/// Looks through an account's policies: its users', groups' and roles', and those of its repositories, registries and templates.
struct CheckOperations: Sendable {
    let registry: Registry
    let identity: IdentityParts
    let home: RegistryID

    var table: [AWSOperation] { [AWSOperation(.weir, "CheckPolicies", may: .account, check)] }

    private func check(_ call: AWSCall) async throws -> JSONValue {
        let account = call.registry.account
        let check = AccountCheck(
            of: account, in: call.registry.region, isHome: account == home.account,
            records: EntityRecords(store: identity.store), principals: identity.principals, at: call.now)
        var report = try await check.run()
        var cursor = StoredPolicyCursor.start
        while let (page, next) = try await registry.repositories.policies(of: account, from: cursor) {
            for policy in page { try await check.checkResource(policy.text, at: policy.name, into: &report) }
            cursor = next
        }
        return [
            "findings": .array(
                report.findings.map { finding in
                    .members([
                        "kind": .string(finding.kind), "place": .string(finding.place),
                        "statement": finding.statement.map { .string($0) }, "message": .string(finding.message),
                    ])
                }),
            "policies": .integer(report.policies), "isComplete": .bool(report.isComplete),
        ]
    }
}
