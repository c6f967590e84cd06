import Logging
import Metrics
import NIOCore
package import WeirCore
import WeirVault

/// Pulls, from what is stored here and through the cache.
///
/// ```
/// manifest  in memory, or a row, and fresh  → reply
///           a row, its window over          → one HEAD upstream for all who wait; the same: touch; new: fetch and move the tag;
///                                             upstream failing in any way: what is held, with a warning
///           no row, and a rule covers it    → fetch, verify, repository from its template, one transaction → reply, prefetch
/// blob      this repository may serve it    → stored bytes
///           it is on its way, or a rule covers the repository → Fills
/// ```
package final class Pulls: Sendable {
    package struct Settings: Sendable {
        /// How long upstream's word about a tag counts: ECR's 24 hours.
        package var freshness: Duration
        /// After upstream could not be asked about a tag, how long nobody asks again: a dead upstream's time-out is paid once in
        /// it.
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

    /// Where a pull is: the parts that every step needs.
    struct Place: Sendable {
        let name: RepositoryName
        let registry: RegistryID
        let caller: Caller
        /// How urgent it is upstream.
        var priority = UpstreamPriority.interactive
        /// How many lists name each other above it.
        var depth = 0
        /// No pull begins here: it belongs to one that has been counted, or to what is fetched ahead of all pulls.
        var isCounted = false
        /// What may still be fetched behind a client's back in the course of one pull; nil where that begins here.
        var allowance: ListAllowance?
    }

    struct FlightKey: Hashable, Sendable {
        let registry: RegistryID
        let name: RepositoryName
        let reference: Reference
    }

    let settings: Settings
    let database: any SQLDatabase
    let repositories: Repositories
    let images: Images
    let blobs: Blobs
    let rules: CacheRules
    let creation: RepositoryCreation
    let access: Access
    let secrets: Secrets
    let upstream: any UpstreamRegistry
    let fills: Fills
    let pullTimes: PullTimes
    let clock: WallClock
    let logger: Logger
    let events: any EventSink
    let imports = Flights<FlightKey, ServedManifest>()
    let checks = Flights<FlightKey, ServedManifest>()
    let lists = Flights<FlightKey, Void>()
    let tagLists = Flights<UpstreamTags.Key, UpstreamTags.List>()
    let upstreamTags = UpstreamTags()
    let warmups = Warmups()
    let underWay = PullsUnderWay()
    let failedChecks = FailedChecks()
    /// What upstream does not have.
    let missing = ShortMemory<Refusal>()

    init(
        parts: Registry.Parts, repositories: Repositories, images: Images, blobs: Blobs, rules: CacheRules,
        creation: RepositoryCreation, access: Access, pullTimes: PullTimes
    ) {
        settings = parts.pulls
        database = parts.database
        self.repositories = repositories
        self.images = images
        self.blobs = blobs
        self.rules = rules
        self.creation = creation
        self.access = access
        secrets = parts.secrets
        upstream = parts.upstream
        fills = Fills(
            blobs: blobs, upstream: parts.upstream, rules: rules, retry: parts.pulls.retry, slots: FillSlots.Limits(),
            logger: parts.logger)
        self.pullTimes = pullTimes
        clock = parts.clock
        logger = parts.logger
        events = parts.events
    }

    /// The manifest that `reference` names. The caller's right to read it has been checked; what a first pull needs besides is
    /// checked here.
    ///
    /// - Parameter isLook: the client asks by HEAD.
    package func manifest(
        _ reference: Reference, in name: RepositoryName, of registry: RegistryID, for caller: Caller, isLook: Bool = false
    ) async throws -> ServedManifest {
        var place = Place(name: name, registry: registry, caller: caller)
        if let address = RequestOrigin.current.address {
            place.isCounted = !underWay.begins(
                reference, isLook: isLook, by: .init(address: address, registry: registry, name: name), at: clock.now)
        }
        let served = try await image(reference, at: place)
        if let repository = try await repositories.find(name, in: registry) {
            try await pullTimes.note(served.digest, in: repository, by: caller)
        }
        return served
    }

    /// The same, without a note that it was pulled.
    func image(_ reference: Reference, at place: Place) async throws -> ServedManifest {
        if let repository = try await repositories.find(place.name, in: place.registry) {
            try blobs.check(repository)
            if let entry = try await held(reference, in: repository) {
                return try await serve(entry, reference, in: repository, at: place)
            }
        }
        return try await cold(reference, at: place)
    }

    /// What is held, from memory or from its row.
    func held(_ reference: Reference, in repository: Repository) async throws -> ManifestMemory.Entry? {
        if let entry = images.memory.entry(reference, in: repository.id) { return entry }
        let generation = images.memory.generation
        let row = try await database.read { try ImageTable.find(reference, in: repository.id, $0) }
        guard let row else { return nil }
        guard row.status == .active else { throw Refusal.imageArchived }
        let bytes: ByteBuffer
        do {
            bytes = try images.seal.open(row, in: repository)
        } catch let refusal as Refusal where refusal.reason == .contentDamaged && row.origin == .cache {
            logger.error(
                "Stored manifest is damaged; it is fetched again",
                metadata: ["repository.name": "\(repository.name)", "manifest.digest": "\(row.digest)"])
            // What upstream gives replaces its bytes. Until then the row stays, and its tags with it.
            return nil
        }
        let entry = ManifestMemory.Entry(
            digest: row.digest, mediaType: row.mediaType, bytes: bytes, checkedAt: row.checkedAt)
        images.memory.remember(entry, as: reference, in: repository.id, since: generation)
        return entry
    }

    private func serve(
        _ entry: ManifestMemory.Entry, _ reference: Reference, in repository: Repository, at place: Place
    ) async throws -> ServedManifest {
        let held = ServedManifest(entry)
        let rule = try await rules.rule(covering: place.name, in: place.registry)
        guard let rule, case .tag(let tag) = reference, let checkedAt = entry.checkedAt,
            isStale(tag, checkedAt: checkedAt, by: rule)
        else { return count(held, .hit, by: rule, at: place) }
        return try await revalidate(tag, held, in: repository, by: rule, at: place)
    }

    /// Made once: looking a counter up costs more than the rest of a pull from memory.
    private static let counters = Dictionary(
        uniqueKeysWithValues: PullOutcome.allCases.map {
            ($0, Counter(label: "weir_manifest_pulls_total", dimensions: [("outcome", $0.rawValue)]))
        })

    func count(
        _ served: ServedManifest, _ outcome: PullOutcome, by rule: CacheRule?, at place: Place
    ) -> ServedManifest {
        if place.isCounted { return served }
        Self.counters[outcome]?.increment()
        if let rule { rules.tally.count(outcome, of: rule.owner(in: place.registry), at: clock.now) }
        return served
    }

    /// In whose name upstream is asked, the login read now, so that a rotated secret counts at once.
    func source(
        of name: RepositoryName, by rule: CacheRule, in registry: RegistryID, _ priority: UpstreamPriority = .interactive
    ) async throws -> UpstreamSource {
        var credential: UpstreamCredential?
        if let arn = rule.credentialARN { credential = try await secrets.credential(arn: arn, in: registry) }
        return rule.source(
            of: rule.upstreamRepository(for: name), with: credential, owner: rule.owner(in: registry),
            account: registry.account, priority)
    }

    /// Ends what is being fetched. For the end of the program.
    package func close() async {
        await warmups.running.close()
        await checks.close()
        await lists.close()
        await tagLists.close()
        await imports.close()
        await fills.close()
    }
}

extension ServedManifest {
    init(_ entry: ManifestMemory.Entry) {
        self.init(digest: entry.digest, mediaType: entry.mediaType, bytes: entry.bytes)
    }
}

extension CacheRule {
    /// A repository of the rule's upstream, asked as the rule's options say.
    func source(
        of repository: String, with credential: UpstreamCredential?, owner: String, account: AccountID,
        _ priority: UpstreamPriority
    ) -> UpstreamSource {
        UpstreamSource(
            host: upstreamURL, repository: repository, credential: credential, owner: owner, kind: kind,
            limits: options.limits, priority: priority, plainHTTP: options.plainHTTP, pathPrefix: options.pathPrefix,
            roleARN: customRoleARN, account: account)
    }
}
