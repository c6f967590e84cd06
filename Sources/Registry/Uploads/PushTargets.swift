import Logging
package import WeirCore

/// Where a push goes: the repository, which a `CREATE_ON_PUSH` template makes where it is missing (docs/ecr.md, "Create on
/// push").
package struct PushTargets: Sendable {
    let repositories: Repositories
    let creation: RepositoryCreation
    let logger: Logger

    /// Makes sure that the repository exists. The caller's right to push has been checked; the right to create is checked here.
    ///
    /// Does nothing where no template covers the name: the push is then refused because the repository does not exist.
    package func prepare(_ name: RepositoryName, of registry: RegistryID, for caller: Caller) async throws {
        guard try await repositories.find(name, in: registry) == nil else { return }
        let plan = try await creation.plan(name, for: .createOnPush, in: registry)
        guard let template = plan.template else { return }
        try await creation.permit(caller, plan)
        do {
            _ = try await repositories.create(try await creation.prepare(plan))
        } catch let refusal as Refusal where refusal.reason == .repositoryAlreadyExists {
            // Another push has just made the repository.
            return
        }
        logger.info(
            "Repository created by a push",
            metadata: [
                "repository.name": "\(name)", "registry": "\(registry)", "template.prefix": "\(template.prefix)",
            ])
    }
}
