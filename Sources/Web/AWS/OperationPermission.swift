import WeirCore
import WeirRegistry

/// The rights that an operation demands of its caller: a column of the operations' table. The door checks them before the
/// operation runs, so that no handler can forget to.
package struct OperationPermission: Sendable {
    /// Reads from a call what it would do. Throws where the call does not name its resource.
    typealias Reading = @Sendable (_ call: AWSCall, _ action: String) async throws -> [AccessDemand]

    /// All of them must be allowed.
    let demands: Reading

    /// Demands nothing: every caller who has signed may.
    package static let none = OperationPermission { _, _ in [] }

    /// The operation's own action, on the caller's registry. For operations that take no `registryId`.
    static let registry = OperationPermission { call, action in [AccessDemand(action, on: .registry(call.registry))] }

    /// The operation's own action, on the registry that `registryId` names, else on the caller's.
    static let askedRegistry = OperationPermission { call, action in
        [AccessDemand(action, on: .registry(try call.askedRegistry()))]
    }

    /// The operation's own action, on a fixed registry: the server's own, for what concerns all registries.
    static func registry(_ home: RegistryID) -> OperationPermission {
        OperationPermission { _, action in [AccessDemand(action, on: .registry(home))] }
    }

    /// The operation's own action, on the repository that `repositoryName` names, in the registry that `registryId` names.
    static let repository = OperationPermission { call, action in [AccessDemand(action, on: try call.repositoryResource())] }

    /// The same with another action, where IAM has none of the operation's name.
    static func repository(asking action: String) -> OperationPermission {
        OperationPermission { call, _ in [AccessDemand(action, on: try call.repositoryResource())] }
    }

    /// The operation's own action, on the repository, for each of the images that the call names: in `imageIds`, or as a push
    /// does by `imageTag` and `imageDigest`.
    static let images = OperationPermission { call, action in
        let resource = try call.repositoryResource()
        let ids =
            try call.imageIDs() ?? [
                ImageIDRequest(
                    digest: try call.input.optionalString("imageDigest"),
                    tag: try call.input.optionalString("imageTag", length: 1...300))
            ]
        return ids.map { AccessDemand(action, on: resource, image: .named(tag: $0.tag, digest: $0.digest)) }
    }

    /// The operation's own action, on a resource that only the caller's own account can have, by its ARN: it has no resource
    /// policy.
    static func own(_ arn: @escaping @Sendable (AWSCall) throws -> String) -> OperationPermission {
        OperationPermission { call, action in [AccessDemand(action, on: .own(try arn(call), in: call.registry))] }
    }

    /// The operation's own action, on no particular resource: to create one, or to list all.
    static let account = own { _ in "*" }

    /// The operation's own action, on a resource of the server's own account, by its ARN. Callers of other accounts are refused
    /// whatever any policy says, and no registry's policy is asked: only the home account's own may allow it.
    static func home(
        _ home: RegistryID, _ arn: @escaping @Sendable (AWSCall) throws -> String = { _ in "*" }
    ) -> OperationPermission {
        OperationPermission { call, action in
            let arn = try arn(call)
            guard call.caller.account == home.account else {
                let request = AuthorizationRequest(
                    caller: call.caller, action: action, resource: arn, owner: home.account, context: PolicyContext())
                throw AuthorizationDecision(.implicitDeny(.resource)).refusal(of: request)
            }
            return [AccessDemand(action, on: .own(arn, in: call.registry))]
        }
    }

    /// Demands that depend on the call.
    static func reading(_ demands: @escaping Reading) -> OperationPermission { OperationPermission(demands: demands) }
}

extension AWSCall {
    fileprivate func repositoryResource() throws -> AccessDemand.Resource {
        let (name, home) = try repository()
        return .repository(name, in: home)
    }
}
