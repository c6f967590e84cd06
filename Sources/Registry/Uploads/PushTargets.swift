import Logging
package import WeirCore

/// Where a push goes: the repository, which a `CREATE_ON_PUSH` template makes where it is missing (docs/ecr.md, "Create on
/// push").
package struct PushTargets: Sendable {
    let repositories: Repositories
    let creation: RepositoryCreation
    let logger: Logger

    /// Sees to it that the repository is there. The caller's right to push has been checked; the right to create is checked here.
    ///
    /// Does nothing where no template is for it: whoever pushes then hears that there is no such repository.
    package func prepare(_ name: RepositoryName, of registry: RegistryID, for caller: Caller) async throws {
        guard try await repositories.find(name, in: registry) == nil else { return }
        let plan = try await creation.plan(name, for: .createOnPush, in: registry)
        guard let template = plan.template else { return }
        try await creation.permit(caller, plan)
        do {
            _ = try await repositories.create(try await creation.prepare(plan))
        } catch let refusal as Refusal where refusal.reason == .repositoryAlreadyExists {
            // Another push was quicker: its repository is as good.
            return
        }
        logger.info(
            "Repository created by a push",
            metadata: [
                "repository.name": "\(name)", "registry": "\(registry)", "template.prefix": "\(template.prefix)",
            ])
    }
}
