package import WeirCore
package import WeirRegistry

/// The operator's own API, for what ECR has no operation for, in ECR's dialect (docs/operating.md).
///
/// JSON 1.1, signed for the service `ecr`, `X-Amz-Target: Weir_20261122.OPERATION`. Each operation needs the IAM action
/// `weir:OPERATION`.
package enum WeirOperations {
    /// - Parameters:
    /// - clock: described and accepted where it is given.
    /// - home: the server's own registry. Only its account may call the operations that concern the whole server.
    package static func table(registry: Registry, clock: SteadyClock? = nil, home: RegistryID) -> [AWSOperation] {
        RuleOptionOperations(registry: registry).table + PullOperations(registry: registry).table
            + LifecycleRunOperations(registry: registry).table + JobOperations(registry: registry, home: home).table
            + LostOperations(registry: registry, home: home).table
            + (clock.map { ClockOperations(registry: registry, clock: $0, home: home).table } ?? [])
    }
}
