package import WeirCore

/// What an operator asks of pulls beyond pulling. The caller's right to the operation is checked by whoever calls; what a pull of
/// the same caller would need besides is checked here.
extension Pulls {
    /// Asks upstream about a tag now, whatever its window, and fetches what is new. Throws why upstream did not give an answer:
    /// what is held stays then as it is.
    package func refresh(
        _ tag: Tag, in name: RepositoryName, of registry: RegistryID, for caller: Caller
    ) async throws -> RefreshOutcome {
        let place = Place(name: name, registry: registry, caller: caller)
        guard let rule = try await rules.rule(covering: name, in: registry) else {
            throw Refusal(
                .invalidParameter, "No pull through cache rule covers the repository \(name), so there is nothing to refresh")
        }
        try await access.permit(caller, "ecr:BatchImportUpstreamImage", on: name, in: registry)
        let key = FlightKey(registry: registry, name: name, reference: .tag(tag))
        missing.forget(key)
        failedChecks.forget(key)
        guard let repository = try await repositories.find(name, in: registry),
            let entry = try await held(.tag(tag), in: repository)
        else {
            let served = try await cold(.tag(tag), at: place)
            return RefreshOutcome(change: .fetched, before: nil, after: served.digest)
        }
        // Pushed here: upstream has no say in it.
        guard entry.checkedAt != nil else {
            return RefreshOutcome(change: .kept, before: entry.digest, after: entry.digest)
        }
        let held = ServedManifest(entry)
        do {
            let (served, told) = try await check(tag, held, in: repository, by: rule, at: place)
            let change: RefreshOutcome.Change =
                served.digest != held.digest ? .updated : told == nil || told == held.digest ? .unchanged : .kept
            return RefreshOutcome(change: change, before: held.digest, after: served.digest)
        } catch {
            throw Refusal(upstream: error, asking: "the tag \(tag)")
        }
    }
}
