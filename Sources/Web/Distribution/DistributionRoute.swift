import WeirCore
import WeirRegistry
import WeirServer

/// The handler of a request, and the rights that it needs. They are checked before it runs, so that no handler can forget to.
struct DistributionRoute: Sendable {
    let demands: [AccessDemand]
    let handler: @Sendable () async throws -> Reply
}

extension DistributionCall {
    /// - Parameters:
    /// - action: ECR's action, without its service.
    /// - name: the repository that the action is for; nil for the registry.
    /// - others: further actions that the request needs.
    func route(
        _ action: String, on name: RepositoryName? = nil, and others: [String] = [], image: AccessDemand.Image? = nil,
        _ handler: @escaping @Sendable () async throws -> Reply
    ) -> DistributionRoute {
        let resource = name.map { AccessDemand.Resource.repository($0, in: registry) } ?? .registry(registry)
        // A link reads what its maker may read at this moment: it ends with that right, even within its hour.
        let actions = isLinked ? ["GetDownloadUrlForLayer"] : [action] + others
        return DistributionRoute(
            demands: actions.map { AccessDemand("ecr:\($0)", on: resource, image: image) }, handler: handler)
    }

    /// `POST …/uploads/?digest=` with the blob as its body; an empty blob needs no body.
    var bringsWholeBlob: Bool {
        guard query["mount"].map(\.isEmpty) ?? true, let digest = query["digest"] else { return false }
        return !request.body.isEmpty || digest == "\(DistributionAPI.emptyBlob)"
    }
}
