import WeirCore

/// Multi-platform images whose rule fetches more than clients ask for (`RuleOptions.Fetch`).
extension ManifestImports {
    /// Lists in lists in lists: an honest image has two levels.
    static let deepest = 3
    /// Protects this server from a list without end.
    private static let mostListed = 500
    private static let atOnce = 4

    /// Starts fetching what a list names and its rule wants, with everything that hangs on it. What is here already costs
    /// nothing.
    func fetchListed(_ manifest: Manifest, under rule: CacheRule, at context: PullContext) {
        guard context.fetchesListed, context.depth < Self.deepest else { return }
        var seen: Set<Digest> = []
        let wanted = manifest.children.filter { rule.options.fetch.takes($0.platform) && seen.insert($0.digest).inserted }
            .prefix(Self.mostListed)
        guard !wanted.isEmpty else { return }
        var context = context
        context.depth += 1
        // Lists below lists share it: five hundred of five hundred of five hundred is no image.
        let allowance = context.allowance ?? ListAllowance(ImageWalk.most)
        context.allowance = allowance
        // A client will ask for some of it soon, nobody waits for all of it.
        context.priority = max(context.priority, .prefetch)
        context.counts = false
        lists.begin(context.key(.digest(manifest.digest))) { [self, context] in
            await withTaskGroup(of: Void.self) { group in
                for (number, child) in wanted.enumerated() where allowance.take() {
                    if number >= Self.atOnce { await group.next() }
                    group.addTask {
                        // What fails is fetched when a client asks for it, and told to that one.
                        try? await self.bringIfAbsent(child.digest, at: context)
                    }
                }
            }
        }
    }

    private func bringIfAbsent(_ digest: Digest, at context: PullContext) async throws {
        if let repository = try await repositories.find(context.name, in: context.registry) {
            try images.blobs.checkKey(of: repository)
            if try await images.held(.digest(digest), in: repository) != nil { return }
        }
        _ = try await bring(.digest(digest), at: context)
    }

    /// The same for a list that is held: what it lacks, after a fetch that broke off, comes with the next question to upstream.
    func fetchListed(by held: ServedManifest, under rule: CacheRule, at context: PullContext) {
        guard rule.options.fetch != .requested, [MediaType.ociIndex, MediaType.dockerList].contains(held.mediaType),
            let manifest = try? Manifest(held.bytes, contentType: held.mediaType, algorithm: held.digest.algorithm)
        else { return }
        fetchListed(manifest, under: rule, at: context)
    }
}
