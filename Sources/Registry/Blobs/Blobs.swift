import struct Crypto.SHA256
package import Logging
package import WeirCore
package import WeirVault

/// The stored blobs: opened, committed and forgotten, each under the key of its repository.
package struct Blobs: Sendable {
    /// Which content is sealed (design.md §6).
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
    let clock: WallClock
    let logger: Logger

    package init(
        database: any SQLDatabase, store: any BlobStore, keyring: Keyring, sealing: Sealing, clock: WallClock,
        logger: Logger
    ) {
        self.database = database
        self.store = store
        self.keyring = keyring
        self.sealing = sealing
        self.clock = clock
        self.logger = logger
    }

    /// The key that seals a repository's blobs, or nil where they are kept as they come.
    func key(of repository: Repository) -> SealingKey? {
        if sealing == .kmsOnly, repository.encryption == .aes256 { return nil }
        return repository.sealingKey
    }

    func place(of digest: Digest, in repository: Repository) -> BlobPlace {
        BlobPlace(scope: key(of: repository)?.scope ?? Self.plainScope(of: repository.registry), digest: digest)
    }

    /// Unsealed content is shared within a registry only, as sealed content is.
    private static func plainScope(of registry: RegistryID) -> String {
        "plain-" + Hex.encode(SHA256.hash(data: Array(registry.description.utf8)).prefix(8))
    }

    /// Refuses at once where the repository's key is disabled or gone.
    func check(_ repository: Repository) throws {
        try keyring.check(repository.sealingKey)
    }

    func standing(of digest: Digest, in repository: Repository) async throws -> BlobTable.Standing {
        let scope = place(of: digest, in: repository).scope
        return try await database.read {
            try BlobTable.standing(of: digest, in: repository.id, scope: scope, $0)
        }
    }

    /// A way in for new content of the repository.
    func intake(
        for repository: Repository, _ algorithm: Digest.Algorithm,
        landed: @escaping @Sendable (Int64) -> Void = { _ in }
    ) throws -> (intake: Intake, content: BlobContent) {
        let key = key(of: repository)
        let dataKey = try key.map { try keyring.generateDataKey(under: $0) }
        var sealer: SegmentSealer?
        if let key, let dataKey { sealer = try SegmentSealer(dataKey, under: key) }
        let opener = try dataKey.map { try SegmentOpener($0) }
        do throws(BlobStoreError) {
            let staged = try store.stage()
            let intake = Intake(into: staged, sealer: sealer, algorithm: algorithm, landed: landed)
            return (intake, BlobContent(file: staged, opener: opener))
        } catch {
            throw Refusal(error)
        }
    }

    /// Commits what `intake` took and lets `repository` serve it. Durable when this returns.
    func commit(
        _ intake: Intake, _ digest: Digest, size: Int64, to repository: Repository, _ origin: Origin
    ) async throws {
        let place = place(of: digest, in: repository)
        let now = clock.now
        do {
            try await intake.complete(as: place)
        } catch let error as BlobStoreError {
            throw Refusal(error)
        }
        // The bytes are good whatever has become of the repository: others may want them.
        let isThere = try await database.commit { sql in
            try BlobTable.stored(place, size: size, at: now, sql)
            guard (try? RepositoryTable.current(repository, sql)) != nil else { return false }
            try BlobTable.admit(digest, to: repository.id, origin, sql)
            return true
        }
        guard isThere else { throw Refusal.repositoryNotFound(repository.name, in: repository.registry) }
    }

    /// The stored content, or nil where the bytes are missing or cannot be those that were stored: the row is then forgotten, so that
    /// nobody is promised what is not there.
    func open(
        _ digest: Digest, _ standing: BlobTable.Standing, in repository: Repository
    ) async throws -> BlobContent? {
        guard let size = standing.stored else { return nil }
        let place = place(of: digest, in: repository)
        do {
            let file = try store.open(place)
            let opener = try await opener(of: file, in: repository)
            let content = BlobContent(file: file, opener: opener)
            if content.size == size { return content }
            logger.error("Stored blob has the wrong length", metadata: ["blob.place": "\(place)"])
        } catch let error as BlobStoreError where error == .missing {
            logger.error("Stored blob is missing", metadata: ["blob.place": "\(place)"])
        } catch is SealError {
            logger.error("Stored blob's header is damaged", metadata: ["blob.place": "\(place)"])
        } catch let error as BlobStoreError {
            guard case .failed = error, standing.membership == .cache else { throw Refusal(error) }
            logger.error(
                "Stored blob cannot be read", metadata: ["blob.place": "\(place)", "error": "\(error)"])
        }
        try await forget(place, standing)
        return nil
    }

    /// The header names the wrapped data key: it is read and unwrapped here.
    private func opener(of file: any StoredBlob, in repository: Repository) async throws -> SegmentOpener? {
        guard let key = key(of: repository) else { return nil }
        let header = try await file.read(at: 0, count: SealedFormat.headerSize)
        return try SegmentOpener(header: header, keyring: keyring, key: key)
    }

    /// Forgets bytes that are damaged or gone, if nobody has stored newer ones.
    func forget(_ place: BlobPlace, _ standing: BlobTable.Standing) async throws {
        try await database.write { try BlobTable.lost(place, storedAt: standing.storedAt, $0) }
    }
}

extension Repository {
    /// The key behind this repository's encryption: it wraps the key that seals manifests even where blobs are kept plain.
    package var sealingKey: SealingKey { SealingKey(encryption, in: registry) }
}

extension SQLDatabase {
    /// A write whose failure for want of room is told as such.
    func commit<Value: Sendable>(
        _ body: @escaping @Sendable (any SQLConnection) throws -> Value
    ) async throws -> Value {
        do { return try await write(body) } catch let error as SQLError where error.isFull {
            throw Refusal(.full(error.description))
        }
    }
}

extension Refusal {
    /// What the caller hears of a store that failed.
    init(_ error: BlobStoreError) {
        switch error {
        case .missing: self.init(.contentDamaged, "The stored content is missing")
        case .full(let detail):
            self.init(
                .storageFull, "The server has no room to store this. Free some, then try again",
                facts: ["store.detail": detail])
        case .failed(let detail):
            self.init(.contentDamaged, "The server's storage failed", facts: ["store.detail": detail])
        }
    }
}
