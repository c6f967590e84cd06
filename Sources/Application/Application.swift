package import Logging
package import WeirCore
package import WeirIdentity
package import WeirRegistry
package import WeirVault
package import WeirWeb

/// All rooms, wired: the one place where keys, registry and doors are put together. The program builds it over a data folder,
/// tests over memory.
package struct Application: Sendable {
    /// What it stands on.
    package struct Ports: Sendable {
        package var database: any SQLDatabase
        package var store: any BlobStore
        package var upstream: any UpstreamRegistry
        /// What stored dates are made from and compared with.
        package var clock: WallClock
        /// Brings the documents of OpenID Connect issuers.
        package var issuers: any IssuerKeys = NoIssuerKeys()
        /// What clients see and sign by.
        package var clientClock: WallClock
        /// Watches `clock`; nil where it needs no watching.
        package var steadyClock: SteadyClock?
        /// The room that there is for blobs.
        package var room: any StoreRoom = AmpleRoom()
        /// Asked before anything that is stored is destroyed.
        package var destruction = DestructionPermit.always
        package var events: any EventSink = NoEvents()
        /// Takes audit records; nil where none are kept.
        package var auditLines: (any LineSink)?
        package var metrics = PrometheusRegistry()
        package var logger: Logger

        package init(
            database: any SQLDatabase, store: any BlobStore, upstream: any UpstreamRegistry, clock: WallClock, logger: Logger
        ) {
            self.database = database
            self.store = store
            self.upstream = upstream
            self.clock = clock
            clientClock = clock
            self.logger = logger
        }
    }

    package struct Settings: Sendable {
        /// The server's own account, in its own region.
        package var home: RegistryID
        package var web: WebSettings
        package var sealing = Blobs.Sealing.all
        package var pulls = Pulls.Settings()
        package var upstreams = UpstreamPolicy()
        package var uploads = Uploads.Settings()
        package var lifecycle = Lifecycle.Settings()
        package var collection = Collector.Settings()
        package var tokens = RegistryTokens.Settings()
        /// How rights are decided.
        package var authorization = AuthorizationSettings()

        package init(home: RegistryID, web: WebSettings) {
            self.home = home
            self.web = web
        }
    }

    /// What is opened by the root key, before anything else is.
    package struct Keys: Sendable {
        package let vault: Vault
        package let accessKeys: AccessKeys
        package let accounts: Accounts
        /// Users, roles and their policies.
        package let identity: IdentityStore
        package let principals: Principals
        package let users: Users
        package let groups: Groups
        package let roles: Roles
        package let instanceProfiles: InstanceProfiles
        let root: RootKey

        /// Notes when a key, and the role of a session, was last used.
        @Sendable func note(_ use: Credentials.Use) {
            accessKeys.used(use.accessKeyID, service: use.service, region: use.region, at: use.at)
            if case .roleSession(of: let role, name: _) = use.caller.kind { roles.used(role.id, region: use.region, at: use.at) }
        }

        /// `Application.migrations` must have been applied.
        ///
        /// Throws `KeyringError.wrongRootKey` where the root key is not the one that the data was sealed with.
        package static func open(database: any SQLDatabase, root: RootKey, clock: WallClock) async throws -> Keys {
            let vault = try await Vault.open(database: database, root: root, clock: clock)
            let accessKeys = AccessKeys(database: database, rootKey: root, clock: clock)
            try await accessKeys.load()
            let identity = IdentityStore(database: database, clock: clock)
            let accounts = Accounts(store: identity, keys: accessKeys)
            try await accounts.load()
            let principals = Principals(store: identity) { accounts.isHosted($0) }
            return Keys(
                vault: vault, accessKeys: accessKeys, accounts: accounts, identity: identity, principals: principals,
                users: Users(store: identity), groups: Groups(store: identity),
                roles: Roles(store: identity, principals: principals, uses: accessKeys.uses),
                instanceProfiles: InstanceProfiles(store: identity), root: root)
        }
    }

    /// Every room's tables.
    package static let migrations = VaultSchema.migrations + IdentitySchema.migrations + RegistrySchema.migrations

    package let settings: Settings
    package let keys: Keys
    package let ports: Ports
    package let registry: Registry
    package let tokens: RegistryTokens
    /// Whose keys, sessions and passwords these are.
    package let credentials: Credentials
    package let sessions: Sessions
    package let revocations: Revocations
    /// Seals what denials were about.
    package let messages: AuthorizationMessages
    /// Verifies the tokens of OpenID Connect issuers.
    package let webTokens: WebTokens
    /// Every operation of every AWS service.
    package let operations: [AWSOperation]
    package let aws: AWSDoor
    package let router: Router
    /// What `/healthz` says: false until it is set, and once the server has been told to stop.
    package let readiness = Readiness()
    let strangers: Strangers
    let audit: AuditLog

    /// Wires; nothing is read, written or started. `registry.uploads.restore()` clears what an earlier run had staged.
    package init(_ settings: Settings, _ keys: Keys, on ports: Ports) {
        self.settings = settings
        self.keys = keys
        self.ports = ports
        registry = Registry(Self.parts(settings, keys, ports))
        let expected: @Sendable (Timestamp) -> Timestamp = { [steady = ports.steadyClock] in steady?.expected($0) ?? $0 }
        let sessionTokens = SessionTokens(rootKey: keys.root)
        credentials = Credentials(
            keys: keys.accessKeys, principals: keys.principals, tokens: sessionTokens, used: keys.note, expected: expected)
        tokens = RegistryTokens(
            rootKey: keys.root, credentials: credentials, region: settings.home.region, settings: settings.tokens,
            expected: expected)
        webTokens = WebTokens(keySets: IssuerKeySets(port: ports.issuers, clock: ports.clock))
        sessions = Sessions(
            tokens: sessionTokens, principals: keys.principals, roles: keys.roles,
            webIdentities: ProviderIdentities(store: keys.identity, tokens: webTokens),
            partition: settings.home.region.partition, expected: expected)
        revocations = Revocations(store: keys.identity)
        messages = AuthorizationMessages(rootKey: keys.root)
        audit = AuditLog(sink: ports.auditLines, clock: ports.clock)
        strangers = Strangers(logger: ports.logger)
        operations =
            ECROperations.table(registry: registry, tokens: tokens)
            + KMSOperations.table(
                keys: keys.vault.keys, principals: keys.principals, repositories: registry.repositoryGrants)
            + SecretsOperations.table(secrets: keys.vault.secrets, access: registry.access, principals: keys.principals)
            + STSOperations.table(sessions: sessions, accessKeys: keys.accessKeys, messages: messages)
            + IAMPolicyOperations.table(
                store: keys.identity, accessKeys: keys.accessKeys, partition: settings.home.region.partition)
            + IAMOperations.table(
                users: keys.users, groups: keys.groups, roles: keys.roles, profiles: keys.instanceProfiles,
                accessKeys: keys.accessKeys, store: keys.identity, partition: settings.home.region.partition)
            + WeirOperations.table(
                registry: registry,
                identity: IdentityParts(
                    accounts: keys.accounts, store: keys.identity, principals: keys.principals, webTokens: webTokens),
                clock: ports.steadyClock, home: settings.home)
        let web = settings.web
        var doorSettings = AWSSettings(
            publicHost: web.publicHost, scheme: web.publicScheme == "http" ? .http : .https, home: settings.home)
        doorSettings.refusesUnfilledKeys = settings.authorization.refusesUnfilledKeys
        doorSettings.hasOrganization = settings.authorization.organization != nil
        aws = AWSDoor(
            credentials: credentials, access: registry.access, operations: operations, messages: messages,
            settings: doorSettings,
            clock: ports.clientClock, audit: audit, strangers: strangers)
        router = Router(
            aws: aws, registry: registry, tokens: tokens, settings: web, metrics: ports.metrics, clock: ports.clientClock,
            audit: audit, strangers: strangers, isReady: { [readiness] in readiness.isReady })
    }

    private static func parts(_ settings: Settings, _ keys: Keys, _ ports: Ports) -> Registry.Parts {
        let vault = keys.vault
        var parts = Registry.Parts(
            database: ports.database, store: ports.store, upstream: ports.upstream, keyring: vault.keyring, keys: vault.keys,
            secrets: vault.secrets, clock: ports.clock, logger: ports.logger, sealing: settings.sealing, pulls: settings.pulls,
            upstreams: settings.upstreams, events: ports.events)
        parts.principals = keys.principals
        parts.uploads = settings.uploads
        parts.authorization = settings.authorization
        parts.lifecycle = settings.lifecycle
        parts.collection = settings.collection
        parts.auditLines = ports.auditLines
        parts.room = ports.room
        parts.destruction = ports.destruction
        return parts
    }

    /// Wired anew, as the next start of the program would, with other settings or ports.
    package func rebuilt(_ change: (inout Settings, inout Ports) -> Void = { _, _ in }) -> Application {
        var (settings, ports) = (settings, ports)
        change(&settings, &ports)
        return Application(settings, keys, on: ports)
    }
}
