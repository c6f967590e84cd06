import WeirCore
import WeirRegistry

/// What answers a request, and what whoever sent it must be allowed: asked before it runs, so that no handler can forget.
struct DistributionRoute: Sendable {
    let demands: [AccessDemand]
    let handler: @Sendable () async throws -> Reply
}

extension DistributionCall {
    /// - Parameters:
    ///   - action: ECR's, without its service.
    ///   - name: the repository that it is done to; nil for the registry.
    ///   - others: actions that it takes besides.
    func route(
        _ action: String, on name: RepositoryName? = nil, and others: [String] = [],
        _ handler: @escaping @Sendable () async throws -> Reply
    ) -> DistributionRoute {
        let resource = name.map { AccessDemand.Resource.repository($0, in: registry) } ?? .registry(registry)
        // A link reads what its maker may read at this moment: it ends with that right, and not an hour later.
        let actions = isLinked ? ["GetDownloadUrlForLayer"] : [action] + others
        return DistributionRoute(demands: actions.map { AccessDemand("ecr:\($0)", on: resource) }, handler: handler)
    }

    /// `POST …/uploads/?digest=` with the blob as its body; one of no bytes needs none.
    var bringsWholeBlob: Bool {
        guard query["mount"].map(\.isEmpty) ?? true, let digest = query["digest"] else { return false }
        return !request.body.isEmpty || digest == "\(DistributionAPI.emptyBlob)"
    }
}
