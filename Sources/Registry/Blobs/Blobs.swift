import struct Crypto.SHA256
package import Logging
package import WeirCore
import WeirText
package import WeirVault

/// The stored blobs: opened and committed, each under the key of its repository.
package final class Blobs: Sendable {
    /// Which content is sealed.
    package enum Sealing: String, Sendable, CaseIterable {
        /// Everything: the default.
        case all
        /// Only repositories with KMS encryption; the rest lies on a volume that is encrypted already.
        case kmsOnly = "kms-only"
    }

    let database: any SQLDatabase
    let store: any BlobStore
    let keyring: Keyring
    let sealing: Sealing
    /// How long a client may rely on a blob that it was told is here, before it puts a manifest that names it.
    let grace: Duration
    let room: any StoreRoom
    let clock: WallClock
    let logger: Logger
    /// Held while a file and its row come or go together.
    package let locks = BlobLocks()
    private let statuses = BlobStatusCache()
    private let scopes = ScopeCache()
    /// Blobs that are being read.
    let opened = OpenBlobs()
    let faults = FaultCache()
    /// Bytes stored since the collector last added everything up.
    let growth = StoreGrowth()

    package init(
        database: any SQLDatabase, store: any BlobStore, keyring: Keyring, sealing: Sealing,
        grace: Duration = Collector.Settings.grace, room: any StoreRoom = AmpleRoom(), clock: WallClock, logger: Logger
    ) {
        self.database = database
        self.store = store
        self.keyring = keyring
        self.sealing = sealing
        self.grace = grace
        self.room = room
        self.clock = clock
        self.logger = logger
    }

    /// The key that seals a repository's blobs, or nil where they are kept as they come.
    func key(of repository: Repository) -> SealingKey? { key(repository.encryption, in: repository.registry) }

    func key(_ encryption: Encryption, in registry: RegistryID) -> SealingKey? {
        if sealing == .kmsOnly, encryption == .aes256 { return nil }
        return SealingKey(encryption, in: registry)
    }

    func location(of digest: Digest, in repository: Repository) -> BlobLocation {
        BlobLocation(scope: scope(repository.encryption, in: repository.registry), digest: digest)
    }

    /// The name of the scope in which all content lies that is sealed under this key of this registry.
    func scope(_ encryption: Encryption, in registry: RegistryID) -> String {
        scopes.scope(encryption, in: registry) {
            key(encryption, in: registry)?.scope ?? Self.plainScope(of: registry)
        }
    }

    /// Unsealed content is shared within a registry only, as sealed content is.
    private static func plainScope(of registry: RegistryID) -> String {
        "plain-" + Hex.encode(SHA256.hash(data: Array(registry.description.utf8)).prefix(8))
    }

    /// Refuses at once where the repository's key is disabled or gone, or the repository may no longer use it.
    func checkKey(of repository: Repository) throws {
        if repository.isKeyGrantRevoked { throw Refusal.keyGrantRevoked(repository) }
        try keyring.check(repository.sealingKey)
    }

    func status(of digest: Digest, in repository: Repository) async throws -> BlobTable.BlobStatus {
        let key = BlobStatusCache.Key(repository: repository.id, digest: digest)
        let version = database.version
        if let known = statuses.status(key, at: version) { return known }
        let scope = location(of: digest, in: repository).scope
        return try await statuses.load(key, at: version) {
            try await database.read { try BlobTable.status(of: digest, in: repository.id, scope: scope, $0) }
        }
    }

    /// Refuses where there is no room for that many more bytes, before they are sent.
    func checkRoom(for bytes: Int64?) throws(Refusal) {
        do { try room.check(for: max(0, bytes ?? 0)) } catch {
            room.missed(max(0, bytes ?? 0))
            throw Refusal(error)
        }
    }

    /// An ingest for new content of the repository, and a reader of what has landed.
    func ingest(
        for repository: Repository, _ algorithm: Digest.Algorithm,
        landed: @escaping @Sendable (Int64) -> Void = { _ in }
    ) throws -> (ingest: BlobIngest, content: BlobContent) {
        let key = key(of: repository)
        let dataKey = try key.map { try keyring.generateDataKey(under: $0) }
        var sealer: SegmentSealer?
        if let key, let dataKey { sealer = try SegmentSealer(dataKey, under: key) }
        let opener = try dataKey.map { try SegmentOpener($0) }
        do throws(BlobStoreError) {
            let staged = try store.stage()
            let ingest = BlobIngest(into: staged, sealer: sealer, algorithm: algorithm, landed: landed)
            return (ingest, BlobContent(file: staged, opener: opener))
        } catch {
            throw Refusal(error)
        }
    }

    /// Commits what `ingest` took and lets `repository` serve it. Durable when this returns.
    ///
    /// File first, row second: the lock on the place keeps the collector out between them (docs/collection.md).
    ///
    /// - Parameter source: the upstream place that the bytes came from (`UpstreamSource.location`); nil for what a client sent.
    func commit(
        _ ingest: BlobIngest, _ digest: Digest, size: Int64, to repository: Repository, _ origin: Origin,
        from source: String? = nil
    ) async throws {
        let location = location(of: digest, in: repository)
        let isThere = try await locks.withLock(location) {
            do {
                try await ingest.complete(as: location)
            } catch let error as BlobStoreError {
                throw Refusal(error)
            }
            let now = clock.now
            // The bytes are good even where the repository is gone: another repository may want them.
            return try await database.commit { sql in
                try BlobTable.stored(location, size: size, at: now, sql)
                do {
                    _ = try RepositoryTable.current(repository, sql)
                } catch let refusal as Refusal where refusal.reason == .repositoryNotFound {
                    return false
                }
                try BlobTable.admit(digest, to: repository.id, origin, promisedAt: origin == .push ? now : nil, sql)
                if let source { try BlobTable.came(digest, to: repository.id, from: source, sql) }
                return true
            }
        }
        faults.forget(location)
        growth.add(size)
        guard isThere else { throw Refusal.repositoryNotFound(repository.name, in: repository.registry) }
    }

    /// Promises a client that the repository holds the blob, so that it need not send it. The blob then stays for the grace
    /// period, even where no manifest names it. False, and no promise, where the bytes are not here or not this repository's.
    ///
    /// Writes at most once in an eighth of the grace period for each blob of a repository; the collector waits that eighth
    /// longer.
    package func promise(_ digest: Digest, in repository: Repository) async throws -> Bool {
        let scope = location(of: digest, in: repository).scope
        let now = clock.now
        let last = try await database.read {
            try BlobTable.promisedAt(digest, in: repository.id, scope: scope, $0)
        }
        guard let last else { return false }
        if last > now + (.zero - grace / 8) { return true }
        return try await database.commit {
            try BlobTable.promise(digest, in: repository.id, scope: scope, at: now, $0)
        }
    }

    /// The stored content, or nil where nothing is stored (any more). Throws a `BlobFault` where the bytes cannot be had, and
    /// writes it into the row: nothing is deleted because it could not be read.
    ///
    /// - Parameter mayServeDoubt: see `examine`.
    func open(
        _ digest: Digest, _ status: BlobTable.BlobStatus, in repository: Repository, mayServeDoubt: Bool = false
    ) async throws -> OpenContent? {
        guard let size = status.stored else { return nil }
        let location = location(of: digest, in: repository)
        if let content = opened.content(in: location, storedAt: status.storedAt) { return content }
        do {
            let content = try await content(in: location, sealedBy: key(of: repository))
            guard content.size == size else {
                throw BlobFault(.damaged, "the file has \(content.file.size) bytes, which are not those of a blob of \(size)")
            }
            if status.fault != nil {
                try await examine(content, in: location, status, mayServeDoubt: mayServeDoubt)
            }
            return opened.share(content, in: location, storedAt: status.storedAt)
        } catch {
            guard let fault = BlobFault(error) else { throw (error as? BlobStoreError).map { Refusal($0) } ?? error }
            if fault.state == .missing {
                let now = try await self.status(of: digest, in: repository)
                // The blob was collected or evicted since the caller looked, which is no fault.
                guard now.storedAt == status.storedAt else {
                    return now.stored == nil
                        ? nil : try await open(digest, now, in: repository, mayServeDoubt: mayServeDoubt)
                }
            }
            await note(fault, of: location, storedAt: status.storedAt)
            throw fault
        }
    }

    /// The content in a place. Its header holds the wrapped data key, which is unwrapped here.
    func content(in location: BlobLocation, sealedBy key: SealingKey?) async throws -> BlobContent {
        try await content(of: try store.open(location), location.digest, sealedBy: key)
    }

    func content(of file: any StoredBlob, _ digest: Digest, sealedBy key: SealingKey?) async throws -> BlobContent {
        guard let key else { return BlobContent(file: file, opener: nil) }
        let header = try await file.read(at: 0, count: SealedFormat.headerSize)
        let opener = try SegmentOpener(header: header, of: .whole(digest), keyring: keyring, key: key)
        return BlobContent(file: file, opener: opener)
    }

    /// The bytes that an open upload of the repository has staged, by the name in its checkpoint. Throws `BlobStoreError.missing`
    /// where they are gone.
    func staged(_ name: String, of repository: Repository) async throws -> BlobContent {
        let file = try store.openStaged(name)
        guard let key = key(of: repository) else { return BlobContent(file: file, opener: nil) }
        let header = try await file.read(at: 0, count: SealedFormat.headerSize)
        return BlobContent(
            file: file, opener: try SegmentOpener(header: header, of: .unfinished, keyring: keyring, key: key))
    }
}

extension Repository {
    /// The key behind this repository's encryption: it wraps the key that seals manifests even where blobs are kept plain.
    package var sealingKey: SealingKey { SealingKey(encryption, in: registry) }
}

extension SQLDatabase {
    /// A write. Throws a `Refusal` where the database has no room.
    func commit<Value: Sendable>(
        _ body: @escaping @Sendable (any SQLConnection) throws -> Value
    ) async throws -> Value {
        do { return try await write(body) } catch let error as SQLError where error.isFull {
            throw Refusal(.full(error.description))
        }
    }
}
