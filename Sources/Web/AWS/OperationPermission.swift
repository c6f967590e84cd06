import WeirCore
import WeirRegistry

/// What an operation demands of its caller: a column of the operations' table. The door asks for it before the operation runs, so
/// that no handler can forget.
package struct OperationPermission: Sendable {
    /// Reads of a call what it would do. It throws where the call does not say to what.
    typealias Reading = @Sendable (_ call: AWSCall, _ action: String) async throws -> [AccessDemand]

    /// Each of them must be allowed.
    let demands: Reading

    /// Nobody is asked: whoever has signed may.
    package static let none = OperationPermission { _, _ in [] }

    /// The operation's own action, on the caller's registry. For operations that take no `registryId`.
    static let registry = OperationPermission { call, action in [AccessDemand(action, on: .registry(call.registry))] }

    /// On the registry that `registryId` names, else the caller's.
    static let askedRegistry = OperationPermission { call, action in
        [AccessDemand(action, on: .registry(try call.askedRegistry()))]
    }

    /// On a certain registry: the server's own, for what concerns all.
    static func registry(_ home: RegistryID) -> OperationPermission {
        OperationPermission { _, action in [AccessDemand(action, on: .registry(home))] }
    }

    /// On the repository that `repositoryName` names, in the registry that `registryId` does.
    static let repository = OperationPermission { call, action in [AccessDemand(action, on: try call.repositoryResource())] }

    /// The same by another action, where IAM knows none of the operation's name.
    static func repository(asking action: String) -> OperationPermission {
        OperationPermission { call, _ in [AccessDemand(action, on: try call.repositoryResource())] }
    }

    /// On something that only the caller's own account can have, by its ARN: no resource policy is asked.
    static func own(_ arn: @escaping @Sendable (AWSCall) throws -> String) -> OperationPermission {
        OperationPermission { call, action in [AccessDemand(action, on: .own(try arn(call)))] }
    }

    /// On nothing in particular: to make one, to list all.
    static let account = own { _ in "*" }

    /// Whatever the call says.
    static func reading(_ demands: @escaping Reading) -> OperationPermission { OperationPermission(demands: demands) }
}

extension AWSCall {
    fileprivate func repositoryResource() throws -> AccessDemand.Resource {
        let (name, home) = try repository()
        return .repository(name, in: home)
    }
}
