package import Logging
package import WeirCore
package import WeirVault

/// Everything the registry does: the only thing that the doors receive of this room.
package struct Registry: Sendable {
    /// What it is made of.
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

        package init(
            database: any SQLDatabase, store: any BlobStore, upstream: any UpstreamRegistry, keyring: Keyring,
            keys: Keys, secrets: Secrets, clock: WallClock, logger: Logger, sealing: Blobs.Sealing = .all,
            pulls: Pulls.Settings = .init(), upstreams: UpstreamPolicy = .init()
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
        }
    }

    package let repositories: Repositories
    package let images: Images
    package let blobs: Blobs
    package let uploads: Uploads
    package let pulls: Pulls
    package let cacheRules: CacheRules
    package let templates: Templates
    package let access: Access
    /// Writes pull times as long as it runs.
    package let pullTimes: PullTimes

    package init(_ parts: Parts) {
        let clock = parts.clock
        repositories = Repositories(
            database: parts.database, keys: parts.keys, keyring: parts.keyring, clock: clock)
        access = Access(repositories: repositories)
        templates = Templates(database: parts.database, clock: clock)
        cacheRules = CacheRules(
            database: parts.database, secrets: parts.secrets, upstream: parts.upstream, policy: parts.upstreams,
            clock: clock)
        blobs = Blobs(
            database: parts.database, store: parts.store, keyring: parts.keyring, sealing: parts.sealing,
            clock: clock, logger: parts.logger)
        images = Images(
            database: parts.database, repositories: repositories, blobs: blobs, keyring: parts.keyring,
            memory: ManifestMemory(), clock: clock)
        uploads = Uploads(repositories: repositories, blobs: blobs, clock: clock, logger: parts.logger)
        pullTimes = PullTimes(database: parts.database, clock: clock, logger: parts.logger)
        pulls = Pulls(
            parts: parts, repositories: repositories, images: images, blobs: blobs, rules: cacheRules,
            templates: templates, access: access, pullTimes: pullTimes)
    }
}
