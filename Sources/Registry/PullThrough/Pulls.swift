import WeirCore

/// Pulls, from what is stored here and through the cache.
///
/// ```
/// manifests     ManifestPulls    decide (PullDecision), then serve what is held, or:
///                 Revalidations    a cached tag's window is over: one HEAD upstream for all who wait
///                 ManifestImports  nothing is held: fetch, verify, repository from its template, one transaction, prefetch
/// blobs         BlobPulls        stored bytes, or a fill (`Fills`) that everyone who wants them reads along
/// tags          TagLists         what is here, and upstream's list where the rule merges them
/// pushes        CachedLayerPushes  the layers of a cached base come before the manifest that names them
/// warmups       Warmups          images fetched whole, ahead of clients
/// explanations  PullExplanations what a pull would do, and why: by the same decision
/// ```
package struct Pulls: Sendable {
    package struct Settings: Sendable {
        /// How long upstream's word about a tag counts: ECR's 24 hours.
        package var freshness: Duration
        /// How long upstream is not asked again about a tag after it failed to answer: a dead upstream's time-out is paid once
        /// in it.
        package var retryUpstreamAfter: Duration
        /// How long upstream's "there is no such image" counts.
        package var rememberMissing: Duration
        /// How transfers go on that broke.
        package var retry: RetryPolicy

        package init(
            freshness: Duration = .seconds(24 * 3600), retryUpstreamAfter: Duration = .seconds(60),
            rememberMissing: Duration = .seconds(10), retry: RetryPolicy = RetryPolicy()
        ) {
            self.freshness = freshness
            self.retryUpstreamAfter = retryUpstreamAfter
            self.rememberMissing = rememberMissing
            self.retry = retry
        }
    }

    package let manifests: ManifestPulls
    package let revalidations: Revalidations
    package let blobs: BlobPulls
    package let tags: TagLists
    package let pushes: CachedLayerPushes
    package let warmups: Warmups
    package let explanations: PullExplanations
    let sources: UpstreamSources
    private let imports: ManifestImports
    private let fills: Fills

    init(
        parts: Registry.Parts, images: Images, rules: CacheRules, creation: RepositoryCreation, access: Access,
        pullTimes: PullTimes
    ) {
        let sources = UpstreamSources(secrets: parts.secrets)
        let tally = PullTally(rules: rules.tally, clock: parts.clock)
        self.sources = sources
        fills = Fills(
            blobs: images.blobs, upstream: parts.upstream, rules: rules, retry: parts.pulls.retry, slots: FillSlots.Limits(),
            logger: parts.logger)
        imports = ManifestImports(
            parts: parts, images: images, rules: rules, creation: creation, access: access, sources: sources, fills: fills,
            tally: tally)
        revalidations = Revalidations(
            settings: parts.pulls, images: images, imports: imports, tally: tally, logger: parts.logger)
        manifests = ManifestPulls(
            repositories: images.repositories, images: images, rules: rules, imports: imports, revalidations: revalidations,
            pullTimes: pullTimes, tally: tally)
        blobs = BlobPulls(
            images: images, rules: rules, access: access, sources: sources, upstream: parts.upstream, fills: fills)
        tags = TagLists(parts: parts, images: images, rules: rules, access: access, sources: sources)
        pushes = CachedLayerPushes(
            images: images, rules: rules, access: access, sources: sources, fills: fills, logger: parts.logger)
        warmups = Warmups(manifests: manifests, access: access, sources: sources, fills: fills)
        explanations = PullExplanations(manifests: manifests)
    }

    /// Ends what is being fetched. For the end of the program.
    package func close() async {
        await warmups.close()
        await revalidations.close()
        await tags.close()
        await imports.close()
        await fills.close()
    }
}
