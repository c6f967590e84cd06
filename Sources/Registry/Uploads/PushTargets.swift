import Logging
package import WeirCore

/// Where a push goes: the repository, which a `CREATE_ON_PUSH` template makes where it is missing (docs/ecr.md, "Create on
/// push").
package struct PushTargets: Sendable {
    let repositories: Repositories
    let templates: Templates
    let access: Access
    let logger: Logger

    /// Sees to it that the repository is there. The caller's right to push has been checked; the right to create is checked here.
    ///
    /// Does nothing where no template is for it: whoever pushes then hears that there is no such repository.
    package func prepare(_ name: RepositoryName, of registry: RegistryID, for caller: Caller) async throws {
        guard try await repositories.find(name, in: registry) == nil,
            let template = try await templates.template(for: name, .createOnPush, in: registry)
        else { return }
        let facts = Access.facts(giving: template.resourceTags)
        try await access.permit(caller, "ecr:CreateRepository", on: name, in: registry, facts: facts)
        if !template.resourceTags.isEmpty {
            try await access.permit(caller, "ecr:TagResource", on: name, in: registry, facts: facts)
        }
        do {
            _ = try await repositories.create(name, in: registry, settings: RepositorySettings(template))
        } catch let refusal as Refusal where refusal.reason == .repositoryAlreadyExists {
            // Another push was quicker: its repository is as good.
            return
        } catch let refusal as Refusal {
            throw Refusal(
                refusal.reason,
                "The repository \(name) could not be created from the creation template '\(template.prefix)': \(refusal.message)",
                facts: refusal.facts.merging(["template.prefix": template.prefix.description]) { old, _ in old })
        }
        logger.info(
            "Repository created by a push",
            metadata: [
                "repository.name": "\(name)", "registry": "\(registry)", "template.prefix": "\(template.prefix)",
            ])
    }
}
