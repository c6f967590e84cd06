import Logging
import NIOCore
import ServiceLifecycle
import Synchronization
package import WeirCore
import WeirVault

/// Open uploads: begun, sent in parts, finished. They survive a restart: acknowledged bytes are on disk, and the client asks for
/// the status and goes on (see `Uploads+Durability`).
package final class Uploads: Service {
    package struct Settings: Sendable {
        /// How long an upload may stay untouched.
        package var window: Duration
        /// The same for an upload without bytes: clients send the first ones at once, and beginning an upload costs them nothing.
        package var emptyWindow: Duration
        /// Open uploads of a registry: bounds the rows, and the files in `staging`.
        package var perRegistry: Int
        /// Open uploads of one repository, so that pushes to one cannot use up the places of all.
        package var perRepository: Int
        /// Open uploads that one caller has begun: of the registry's own account, and of any other.
        package var perCaller: Int
        package var perForeigner: Int
        /// Uploads in memory. Each holds a file descriptor.
        package var inMemory: Int
        /// Uploads in memory that wait for their next part. Those beyond are unloaded, and must be read back when they go on.
        package var warm: Int

        package init(
            window: Duration = .seconds(24 * 3600), emptyWindow: Duration = .seconds(600), perRegistry: Int = 10_000,
            perRepository: Int = 2_000, perCaller: Int = 5_000, perForeigner: Int = 1_000, inMemory: Int = 1_000,
            warm: Int = 256
        ) {
            self.window = window
            self.emptyWindow = emptyWindow
            self.perRegistry = perRegistry
            self.perRepository = perRepository
            self.perCaller = perCaller
            self.perForeigner = perForeigner
            self.inMemory = inMemory
            self.warm = warm
        }
    }

    /// ECR's quota "Layer size".
    static let maxLayer = ByteCount.largestLayer

    let settings: Settings
    let database: any SQLDatabase
    let repositories: Repositories
    let blobs: Blobs
    let clock: WallClock
    let logger: Logger
    let sessions = Mutex<[String: UploadSession]>([:])
    /// When a refused client last started a sweep.
    private let lastSweep = Mutex<ContinuousClock.Instant?>(nil)
    /// Removes staged files: removing a large one keeps the disk busy for a while.
    let removals = SerialQueue("weir.uploads")

    init(
        _ settings: Settings, database: any SQLDatabase, repositories: Repositories, blobs: Blobs, clock: WallClock,
        logger: Logger
    ) {
        self.settings = settings
        self.database = database
        self.repositories = repositories
        self.blobs = blobs
        self.clock = clock
        self.logger = logger
    }

    /// Refuses where there is no room for a body of that many bytes, before its first byte is sent.
    package func checkRoom(for bytes: Int64?) throws(Refusal) { try blobs.checkRoom(for: bytes) }

    /// Begins an upload. On disk when this returns. Throws `.throttled` where the repository, the caller or the registry has as
    /// many open uploads as it may.
    package func begin(
        in name: RepositoryName, of registry: RegistryID, for caller: Caller
    ) async throws -> UploadStatus {
        let repository = try await repositories.existing(name, in: registry)
        try blobs.checkKey(of: repository)
        try checkRoom(for: nil)
        do {
            return try await begin(in: repository, for: caller)
        } catch let refusal as Refusal where refusal.reason == .throttled {
            // A sweep may free a place.
            guard sweepIsDue() else { throw refusal }
            try await sweep()
            return try await begin(in: repository, for: caller)
        }
    }

    private func begin(in repository: Repository, for caller: Caller) async throws -> UploadStatus {
        let id = RandomID.uuid()
        let now = clock.now
        try await database.commit { [settings] sql in
            try settings.checkRoom(in: repository, for: caller, sql)
            try UploadTable.insert(id, repository: repository, by: caller, at: now, sql)
        }
        return UploadStatus(id: id, received: 0)
    }

    /// At most one sweep in 10 s, however often clients are refused.
    private func sweepIsDue() -> Bool {
        let now = ContinuousClock.now
        return lastSweep.withLock { last in
            if let last, now - last < .seconds(10) { return false }
            last = now
            return true
        }
    }

    package func status(
        _ id: String, in name: RepositoryName, of registry: RegistryID
    ) async throws -> UploadStatus {
        let repository = try await repositories.existing(name, in: registry)
        let id = id.lowercased()
        if let session = held(id) {
            guard session.repository.id == repository.id else { throw Self.unknown(id) }
            return session.status
        }
        let record = try await database.read { try UploadTable.find(id, in: repository.id, $0) }
        guard let record else { throw Self.unknown(id) }
        return UploadStatus(id: id, received: record.received)
    }

    /// Takes the next part. On disk when this returns. What arrived before a body broke off counts: the client asks for the
    /// status and goes on from there.
    /// - Parameter offset: where the part begins, where the client says so; it must be where the last one ended.
    /// - Parameter offset: where the part begins, if the client says so; it must be where the last one ended.
    package func append(
        _ id: String, in name: RepositoryName, of registry: RegistryID, at offset: Int64?, body: ByteStream
    ) async throws -> UploadStatus {
        try await withSession(id, in: name, of: registry, at: offset) { session in
            let live = try await self.awake(session)
            try await self.take(body, into: session, live)
            try await self.checkpoint(session, live, session.record.parts)
            return session.status
        }
    }

    /// Takes the last part, if there is one, compares the digest and commits. Returns the blob's size, when it is on disk.
    package func finish(
        _ id: String, in name: RepositoryName, of registry: RegistryID, digest: Digest, body: ByteStream?,
        at offset: Int64?
    ) async throws -> Int64 {
        try await withSession(id, in: name, of: registry, at: offset) { session in
            let live = try await self.awake(session)
            if let body { try await self.take(body, into: session, live) }
            return try await self.commit(session, live, [digest], whereAlreadyHere: .replaced)
        }
    }

    /// Stores a whole blob from one request. A client cannot resume it, so a failure leaves nothing of it.
    package func push(
        _ body: ByteStream, digest: Digest, to name: RepositoryName, of registry: RegistryID
    ) async throws {
        let repository = try await repositories.existing(name, in: registry)
        let (ingest, content) = try blobs.ingest(for: repository, digest.algorithm)
        do {
            for try await part in body {
                try await ingest.take(part)
                try Self.check(ingest.taken)
            }
            let (received, size) = try await UploadSession.Live(ingest: ingest, content: content).digest(digest.algorithm)
            guard received == digest else { throw Self.wrong(received, size, wanted: digest) }
            try await blobs.commit(ingest, digest, size: size, to: repository, .push)
        } catch {
            ingest.discard()
            if let error = error as? BlobStoreError { throw Refusal(error) }
            throw error
        }
    }

    package func cancel(_ id: String, in name: RepositoryName, of registry: RegistryID) async throws {
        let repository = try await repositories.existing(name, in: registry)
        let session = try await session(id.lowercased(), in: repository)
        guard session.close() else { throw Self.unknown(id) }
        try await discard(session)
    }

    // MARK: - Sessions

    /// Claims the upload for one request.
    func withSession<Value: Sendable>(
        _ id: String, in name: RepositoryName, of registry: RegistryID, at offset: Int64?,
        _ body: @Sendable (UploadSession) async throws -> Value
    ) async throws -> Value {
        let repository = try await repositories.existing(name, in: registry)
        let session = try await claim(id.lowercased(), in: repository, at: offset)
        defer {
            session.end(at: clock.now)
            putAway(downTo: settings.warm)
        }
        // The data key may be in memory from before the repository's key was disabled.
        try blobs.checkKey(of: repository)
        return try await body(session)
    }

    private func claim(_ id: String, in repository: Repository, at offset: Int64?) async throws -> UploadSession {
        // A session may be unloaded between being found and being claimed.
        for _ in 0..<100 {
            let session = try await session(id, in: repository)
            switch session.begin(at: offset) {
            case .begun: return session
            case .refused(let refusal): throw refusal
            case .closed: await Task.yield()
            }
        }
        throw Self.unknown(id)
    }

    private func session(_ id: String, in repository: Repository) async throws -> UploadSession {
        if let session = held(id) {
            guard session.repository.id == repository.id else { throw Self.unknown(id) }
            return session
        }
        let record = try await database.read { try UploadTable.find(id, in: repository.id, $0) }
        guard let record else { throw Self.unknown(id) }
        if sessions.withLock({ $0.count }) >= settings.inMemory {
            putAway(downTo: settings.warm / 2)
            guard sessions.withLock({ $0.count }) < settings.inMemory else {
                throw Refusal(
                    .throttled, "\(settings.inMemory) uploads are sending. Try again when some have ended",
                    retryAfter: .seconds(5))
            }
        }
        let session = UploadSession(record, in: repository, at: clock.now)
        return sessions.withLock { sessions in
            if let other = sessions[id] { return other }
            sessions[id] = session
            return session
        }
    }

    func held(_ id: String) -> UploadSession? { sessions.withLock { $0[id] } }

    /// Forgets the session, unless another one has taken its place in memory.
    func forget(_ session: UploadSession) {
        sessions.withLock { if $0[session.id] === session { $0[session.id] = nil } }
    }

    static func unknown(_ id: String) -> Refusal {
        Refusal(
            .blobUploadUnknown, "The upload '\(id.prefix(64))' is unknown: it was finished, cancelled or given up. Begin again")
    }

    static func wrong(_ received: Digest, _ size: Int64, wanted: Digest) -> Refusal {
        Refusal(.digestInvalid, "The upload's \(size) bytes have the digest \(received), not \(wanted)")
    }

    static func check(_ size: Int64) throws(Refusal) {
        guard size <= maxLayer else {
            throw Refusal(.limitExceeded, "A layer may have \(maxLayer) bytes at most")
        }
    }
}

extension Uploads.Settings {
    /// Throws where one more upload would be too many, and says which limit is reached.
    fileprivate func checkRoom(in repository: Repository, for caller: Caller, _ sql: any SQLConnection) throws {
        let registry = repository.registry
        let own = caller.account == registry.account ? perCaller : perForeigner
        if try UploadTable.holds(perRepository, in: repository, sql) {
            throw Self.full(perRepository, "in the repository '\(repository.name)'")
        }
        if try UploadTable.holds(own, by: caller, in: registry, sql) { throw Self.full(own, "that this caller began") }
        if try UploadTable.holds(perRegistry, in: registry, sql) { throw Self.full(perRegistry, "in the registry") }
    }

    private static func full(_ limit: Int, _ place: String) -> Refusal {
        Refusal(
            .throttled, "\(limit) uploads \(place) are open already, as many as may be. Finish or cancel some",
            retryAfter: .seconds(30))
    }
}
