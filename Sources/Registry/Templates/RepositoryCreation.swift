import WeirCore

/// Repositories made without a CreateRepository call: by a pull through the cache, a push or a replication.
///
/// Three things are decided here for all of them: the settings (the creation template for the scenario, else ECR's defaults), the
/// rights that the causing caller needs, and the refusal where a template cannot be applied (docs/ecr.md, "Actions without an
/// operation").
struct RepositoryCreation: Sendable {
    let repositories: Repositories
    let templates: Templates
    let access: Access

    struct Plan: Sendable {
        let name: RepositoryName
        let registry: RegistryID
        let scenario: CreationTemplate.Scenario
        /// Nil where no template matches.
        let template: CreationTemplate?

        var settings: RepositorySettings { template.map { RepositorySettings($0) } ?? RepositorySettings() }

        /// Tagging the repository needs a right of its own. For a replication, the destination's policy allows all of it by the
        /// two actions that it names.
        var demands: [AccessDemand] {
            let tags = settings.tags
            let actions = ["ecr:CreateRepository"] + (tags.isEmpty || scenario == .replication ? [] : ["ecr:TagResource"])
            return actions.map { AccessDemand($0, on: .repository(name, in: registry), facts: Access.facts(giving: tags)) }
        }
    }

    func plan(
        _ name: RepositoryName, for scenario: CreationTemplate.Scenario, in registry: RegistryID
    ) async throws -> Plan {
        Plan(
            name: name, registry: registry, scenario: scenario,
            template: try await templates.template(for: name, scenario, in: registry))
    }

    /// Throws where the caller may not create the repository. Where the settings let the cache create repositories by itself, its
    /// own right counts for a pull, which only the registry's policy can deny.
    func permit(_ caller: Caller, _ plan: Plan) async throws {
        let isCaches = plan.scenario == .pullThroughCache && access.settings.cacheCreatesRepositories
        let caller = isCaches ? ServicePrincipal.pullThroughCache.caller(in: plan.registry) : caller
        for demand in plan.demands { try await access.permit(caller, demand) }
    }

    /// Makes everything but the row, which the causing request inserts in its own transaction.
    func prepare(_ plan: Plan) async throws -> NewRepository {
        do {
            return try await repositories.prepare(plan.settings, name: plan.name, in: plan.registry)
        } catch let refusal as Refusal {
            throw plan.template.map { Self.failed($0, of: plan, because: refusal) } ?? refusal
        }
    }

    /// A push gets the reason itself, since ECR has an exception for each; a pull and a replication have one exception for all.
    private static func failed(_ template: CreationTemplate, of plan: Plan, because refusal: Refusal) -> Refusal {
        let facts = ["template.prefix": template.prefix.description, "template.reason": refusal.reason.rawValue]
        return Refusal(
            plan.scenario == .createOnPush ? refusal.reason : .templateFailed,
            "The repository \(plan.name) could not be created from the creation template '\(template.prefix)': "
                + refusal.message,
            brief: "the creation template '\(template.prefix)' cannot be applied: \(refusal.brief ?? refusal.message)",
            facts: refusal.facts.merging(facts) { old, _ in old })
    }
}
