package import Logging
package import WeirCore
package import WeirVault

/// Everything the registry does: the only thing that the doors receive of this room.
package final class Registry: Sendable {
    /// The parts that it is built from.
    package struct Parts: Sendable {
        package let database: any SQLDatabase
        package let store: any BlobStore
        package let upstream: any UpstreamRegistry
        package let keyring: Keyring
        package let keys: Keys
        package let secrets: Secrets
        package let clock: WallClock
        package let logger: Logger
        package var sealing: Blobs.Sealing
        package var pulls: Pulls.Settings
        package var upstreams: UpstreamPolicy
        package var events: any EventSink
        package var lifecycle = Lifecycle.Settings()
        /// Takes the audit records of what the server does by itself; nil where none are kept.
        package var auditLines: (any LineSink)?
        package var uploads = Uploads.Settings()
        package var collection = Collector.Settings()
        /// Asked before anything that is stored is destroyed.
        package var destruction = DestructionPermit.always
        /// The room that there is for blobs.
        package var room: any StoreRoom = AmpleRoom()
        /// The users and roles, and what their policies say.
        package var principals: any PrincipalPolicies = RootsAlone()
        package var authorization = AuthorizationSettings()

        package init(
            database: any SQLDatabase, store: any BlobStore, upstream: any UpstreamRegistry, keyring: Keyring,
            keys: Keys, secrets: Secrets, clock: WallClock, logger: Logger, sealing: Blobs.Sealing = .all,
            pulls: Pulls.Settings = .init(), upstreams: UpstreamPolicy = .init(),
            events: any EventSink = NoEvents()
        ) {
            self.database = database
            self.store = store
            self.upstream = upstream
            self.keyring = keyring
            self.keys = keys
            self.secrets = secrets
            self.clock = clock
            self.logger = logger
            self.sealing = sealing
            self.pulls = pulls
            self.upstreams = upstreams
            self.events = events
        }
    }

    package let repositories: Repositories
    /// The standing permissions of repositories to use their KMS keys.
    package let repositoryGrants: RepositoryGrants
    package let images: Images
    package let blobs: Blobs
    package let uploads: Uploads
    package let mounts: BlobMounts
    package let layers: Layers
    package let pushTargets: PushTargets
    package let pulls: Pulls
    package let referrers: Referrers
    package let cacheRules: CacheRules
    package let templates: Templates
    package let access: Access
    /// Carries out lifecycle policies and brings images back from the archive as long as it runs.
    package let lifecycle: Lifecycle
    package let settings: RegistrySettings
    package let scans: Scans
    /// Copies pushed images to other registries as long as it runs.
    package let replication: Replication
    /// Collects garbage, evicts and verifies, as long as it runs.
    package let maintenance: MaintenanceJobs
    /// Blobs that were taken out of their place and can be brought back.
    package let quarantine: Quarantine
    /// Writes pull times as long as it runs.
    package let pullTimes: PullTimes

    package init(_ parts: Parts) {
        let clock = parts.clock
        repositories = Repositories(
            database: parts.database, keys: parts.keys, keyring: parts.keyring, clock: clock, principals: parts.principals)
        repositoryGrants = RepositoryGrants(repositories: repositories)
        settings = RegistrySettings(database: parts.database, clock: clock, principals: parts.principals)
        access = Access(
            repositories: repositories, registries: settings, principals: parts.principals, keys: KeyAccess(keys: parts.keys),
            secrets: SecretAccess(secrets: parts.secrets), settings: parts.authorization)
        templates = Templates(database: parts.database, clock: clock)
        cacheRules = CacheRules(
            database: parts.database, secrets: parts.secrets, upstream: parts.upstream, policy: parts.upstreams,
            clock: clock)
        blobs = Blobs(
            database: parts.database, store: parts.store, keyring: parts.keyring, sealing: parts.sealing,
            grace: parts.collection.grace, room: parts.room, clock: clock, logger: parts.logger)
        let signal = ReplicationSignal()
        images = Images(
            database: parts.database, repositories: repositories, blobs: blobs, keyring: parts.keyring,
            manifestCache: ManifestCache(), clock: clock, events: parts.events, replication: signal)
        uploads = Uploads(
            parts.uploads, database: parts.database, repositories: repositories, blobs: blobs, clock: clock,
            logger: parts.logger)
        mounts = BlobMounts(repositories: repositories, blobs: blobs, access: access, settings: settings)
        layers = Layers(repositories: repositories, blobs: blobs)
        let creation = RepositoryCreation(repositories: repositories, templates: templates, access: access)
        pushTargets = PushTargets(repositories: repositories, creation: creation, logger: parts.logger)
        pullTimes = PullTimes(database: parts.database, settings: settings, clock: clock, logger: parts.logger)
        lifecycle = Lifecycle(parts, repositories: repositories, images: images, pullTimes: pullTimes)
        pulls = Pulls(
            parts: parts, images: images, rules: cacheRules, creation: creation, access: access, pullTimes: pullTimes)
        referrers = Referrers(parts, images: images, rules: cacheRules, access: access, sources: pulls.sources)
        scans = Scans(database: parts.database, images: images, clock: clock)
        replication = Replication(
            parts, repositories: repositories, images: images, blobs: blobs, creation: creation, access: access,
            signal: signal)
        quarantine = Quarantine(blobs: blobs, grace: parts.collection.grace, clock: clock, logger: parts.logger)
        let collector = Collector(
            database: parts.database, blobs: blobs, rules: cacheRules, settings: parts.collection, permit: parts.destruction,
            quarantine: quarantine, clock: clock, logger: parts.logger)
        maintenance = MaintenanceJobs(
            collector: collector,
            verifier: Verifier(repositories: repositories, images: images, rules: cacheRules, collector: collector))
    }
}
