import struct Crypto.SymmetricKey
import Logging
import NIOCore
import ServiceLifecycle
import Synchronization
package import WeirCore

/// Uploads that are open: begun, sent in parts, finished. They live as long as the program; after a restart the client is told that
/// the upload is unknown and begins again.
package final class Uploads: Service {
    /// How long an upload may lie untouched.
    static let patience: Duration = .seconds(24 * 3600)
    /// Protects file descriptors: each open upload holds one. Past it, beginning another is refused until some end.
    static let maxOpen = 1_000

    private let repositories: Repositories
    private let blobs: Blobs
    private let clock: WallClock
    private let logger: Logger
    private let sessions = Mutex<[String: UploadSession]>([:])

    init(repositories: Repositories, blobs: Blobs, clock: WallClock, logger: Logger) {
        self.repositories = repositories
        self.blobs = blobs
        self.clock = clock
        self.logger = logger
    }

    package func begin(in name: RepositoryName, of registry: RegistryID) async throws -> UploadStatus {
        guard let repository = try await repositories.find(name, in: registry) else {
            throw Refusal.repositoryNotFound(name, in: registry)
        }
        guard sessions.withLock({ $0.count }) < Self.maxOpen else {
            throw Refusal(
                .throttled, "\(Self.maxOpen) uploads are open already. Finish or cancel some", retryAfter: .seconds(30))
        }
        let (intake, content) = try blobs.intake(for: repository, .sha256)
        let session = UploadSession(
            id: Self.newID(), repository: repository, intake: intake, content: content, at: clock.now)
        sessions.withLock { $0[session.id] = session }
        return session.status
    }

    package func status(
        _ id: String, in name: RepositoryName, of registry: RegistryID
    ) throws -> UploadStatus {
        try session(id, in: name, of: registry).status
    }

    /// Takes the next part. What arrived before the body broke off counts: the client asks for the status and goes on from there.
    ///
    /// - Parameter offset: where the part begins, if the client says so; it must be where the last one ended.
    package func append(
        _ id: String, in name: RepositoryName, of registry: RegistryID, at offset: Int64?, body: ByteStream
    ) async throws -> UploadStatus {
        let session = try session(id, in: name, of: registry)
        try session.begin(at: offset)
        defer { session.end(at: clock.now) }
        try await take(body, into: session)
        return session.status
    }

    /// Takes the last part, if there is one, compares the digest and commits. On disk when this returns the blob's size.
    package func finish(
        _ id: String, in name: RepositoryName, of registry: RegistryID, digest: Digest, body: ByteStream?,
        at offset: Int64?
    ) async throws -> Int64 {
        let session = try session(id, in: name, of: registry)
        try session.begin(at: offset)
        defer { session.end(at: clock.now) }
        if let body { try await take(body, into: session) }
        do {
            let (received, size) = try await session.digest(digest.algorithm)
            guard received == digest else {
                throw Refusal(
                    .digestInvalid, "The upload's \(size) bytes have the digest \(received), not \(digest)")
            }
            guard session.close() else { throw Self.unknown(id) }
            try await blobs.commit(session.intake, digest, size: size, to: session.repository, .push)
            forget(session)
            return size
        } catch {
            // Content that is wrong, or that the disk refused, cannot be mended by sending more.
            _ = session.close()
            discard(session)
            if let error = error as? BlobStoreError { throw Refusal(error) }
            throw error
        }
    }

    package func cancel(_ id: String, in name: RepositoryName, of registry: RegistryID) throws {
        let session = try session(id, in: name, of: registry)
        guard session.close() else { throw Self.unknown(id) }
        discard(session)
    }

    /// Gives up uploads that nobody has touched for a day.
    package func run() async throws {
        await cancelWhenGracefulShutdown { [self] in
            while !Task.isCancelled {
                try? await Task.sleep(for: .seconds(600))
                sweep()
            }
        }
        for session in sessions.withLock({ Array($0.values) }) where session.close() { discard(session) }
    }

    func sweep() {
        let limit = clock.now + (.zero - Self.patience)
        for session in sessions.withLock({ Array($0.values) }) where session.closeIfIdle(since: limit) {
            logger.info("Upload given up", metadata: ["upload.id": "\(session.id)"])
            discard(session)
        }
    }

    private func take(_ body: ByteStream, into session: UploadSession) async throws {
        do {
            for try await part in body { try await session.intake.take(part) }
        } catch let error as BlobStoreError {
            _ = session.close()
            discard(session)
            throw Refusal(error)
        }
    }

    private func session(
        _ id: String, in name: RepositoryName, of registry: RegistryID
    ) throws -> UploadSession {
        guard let session = sessions.withLock({ $0[id.lowercased()] }), session.repository.name == name,
            session.repository.registry == registry
        else { throw Self.unknown(id) }
        return session
    }

    private func forget(_ session: UploadSession) {
        _ = sessions.withLock { $0.removeValue(forKey: session.id) }
    }

    private func discard(_ session: UploadSession) {
        forget(session)
        session.intake.discard()
    }

    private static func unknown(_ id: String) -> Refusal {
        Refusal(
            .blobUploadUnknown,
            "The upload '\(id.prefix(64))' is unknown: it was finished, cancelled, or the server was restarted. Begin again")
    }

    /// A random UUID, version 4, in lower case.
    private static func newID() -> String {
        var bytes = SymmetricKey(size: .bits128).withUnsafeBytes { Array($0) }
        bytes[6] = bytes[6] & 0x0f | 0x40
        bytes[8] = bytes[8] & 0x3f | 0x80
        let hex = Hex.encode(bytes)
        let cuts = [0, 8, 12, 16, 20, 32]
        return zip(cuts, cuts.dropFirst()).map { String(hex.dropFirst($0).prefix($1 - $0)) }.joined(separator: "-")
    }
}
