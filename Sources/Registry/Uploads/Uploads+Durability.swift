import struct Crypto.SymmetricKey
import Logging
import NIOCore
import ServiceLifecycle
import Synchronization
import WeirCore
import WeirVault

// How an upload survives a restart.
//
//     a part was taken ─▶ fsync of the staged file ─▶ row: bytes received, the file's name, the tail sealed ─▶ 202
//
// The tail is the part that does not fill a segment yet: at most 64 KiB, sealed with the repository's key for small values.
//
// The state of a hash that has not ended cannot be stored, and a sealed segment must never be sealed again under the same key
// with other bytes. So an upload that goes on after a restart is read back first, from the old staged file into a new one under a
// new key, at the speed of the disk and of SHA-256. That is done once for each restart, and only for uploads that do go on. An
// upload that was unloaded because many others wait is read back in the same way.

extension Uploads {
    /// Bytes of a part that a crash may lose before the part is acknowledged. Acknowledged bytes are never lost.
    private static let unsaved: Int64 = 256 * 1_048_576

    func take(_ body: ByteStream, into session: UploadSession, _ live: UploadSession.Live) async throws {
        var saved = live.ingest.taken
        do {
            for try await part in body {
                try await live.ingest.take(part)
                try Self.check(live.ingest.taken)
                if live.ingest.taken - saved >= Self.unsaved {
                    try await checkpoint(session, live, session.record.parts)
                    saved = live.ingest.taken
                }
            }
        } catch let error as BlobStoreError {
            try? await end(session)
            throw Refusal(error)
        } catch let refusal as Refusal {
            try? await end(session)
            throw refusal
        } catch {
            // The client broke off. It may ask how much has arrived, also after a restart.
            try? await checkpoint(session, live, session.record.parts)
            throw error
        }
    }

    /// Puts what has been received on disk, and the number of bytes received.
    func checkpoint(
        _ session: UploadSession, _ live: UploadSession.Live, _ parts: UploadRecord.Parts
    ) async throws {
        do {
            var record = session.record
            record.parts = parts
            // Without bytes the row alone is the upload.
            if live.ingest.taken > 0 {
                let point = try await live.ingest.checkpoint()
                record.received = point.taken
                record.staged = point.name
                record.tail = try SealedValue.seal(
                    point.held, with: await tailKey(of: session.repository),
                    binding: Self.binding(session.id, point.name, point.taken))
            }
            let new = record
            let now = clock.now
            guard try await database.commit({ try UploadTable.update(new, at: now, $0) }) else {
                throw Self.unknown(session.id)
            }
            session.checkpointed(new)
        } catch {
            // What could not be stored must not be acknowledged.
            try? await end(session)
            throw (error as? BlobStoreError).map { Refusal($0) } ?? error
        }
    }

    /// The ingest for more bytes: the one in memory, or a new one that has read back what the upload has so far.
    func awake(_ session: UploadSession) async throws -> UploadSession.Live {
        if let live = session.live { return live }
        let (ingest, content) = try blobs.ingest(for: session.repository, .sha256)
        let live = UploadSession.Live(ingest: ingest, content: content)
        let old = session.record
        guard old.received > 0, let staged = old.staged else {
            session.wake(live)
            return live
        }
        do {
            try await replay(old, staged, in: session.repository, into: ingest)
        } catch {
            ingest.discard()
            // Bytes that cannot be read now may be readable when the client tries again.
            guard let fault = BlobFault(error) else { throw (error as? BlobStoreError).map { Refusal($0) } ?? error }
            guard fault.state.wantsBytes else { throw Refusal(error as? BlobStoreError ?? .unavailable(fault.detail)) }
            logger.error(
                "Upload lost: what it had staged is \(fault.state.rawValue)",
                metadata: ["upload.id": "\(session.id)", "error": "\(error)"])
            try? await end(session)
            throw Self.unknown(session.id)
        }
        session.wake(live)
        try await checkpoint(session, live, old.parts)
        removeStaged(staged)
        return live
    }

    private func replay(
        _ record: UploadRecord, _ staged: String, in repository: Repository, into ingest: BlobIngest
    ) async throws {
        let key = try await tailKey(of: repository)
        let tail = try SealedValue.openBuffer(
            record.tail ?? [], with: key, binding: Self.binding(record.id, staged, record.received))
        let content = try await blobs.staged(staged, of: repository)
        let landed = record.received - Int64(tail.readableBytes)
        var offset: Int64 = 0
        while offset < landed {
            let part = try await content.read(
                at: offset, upTo: Int(min(1_048_576, landed - offset)), size: BlobContent.unfinished)
            guard part.readableBytes > 0 else { throw SealError.damaged }
            try await ingest.take(part)
            offset += Int64(part.readableBytes)
        }
        try await ingest.take(tail)
    }

    private func tailKey(of repository: Repository) async throws -> SymmetricKey {
        try blobs.keyring.unwrap(await repositories.sealedKey(of: repository), under: repository.sealingKey)
    }

    private static func binding(_ id: String, _ staged: String, _ received: Int64) -> String {
        "upload \(id) \(staged) \(received)"
    }

    // MARK: - Endings

    /// What a commit does with a blob that the repository already has: the registry API stores it again, ECR's layer API refuses
    /// it.
    enum Presence: Sendable { case replaced, refused }

    /// Compares the digests, commits, and forgets the upload. More bytes cannot mend wrong content, or content that the disk
    /// refused, so the upload ends then, too.
    func commit(
        _ session: UploadSession, _ live: UploadSession.Live, _ digests: [Digest], whereAlreadyHere presence: Presence
    ) async throws -> Int64 {
        do {
            var size: Int64 = 0
            for digest in digests {
                let received = try await live.digest(digest.algorithm)
                guard received.digest == digest else { throw Self.wrong(received.digest, received.size, wanted: digest) }
                size = received.size
            }
            guard session.close() else { throw Self.unknown(session.id) }
            for digest in presence == .refused ? digests : [] {
                // The client will not send again what is said to be here, so it must stay.
                if try await blobs.promise(digest, in: session.repository) {
                    throw Refusal.layerAlreadyExists(digest, in: session.repository)
                }
            }
            guard let digest = digests.first else { throw Self.unknown(session.id) }
            try await blobs.commit(live.ingest, digest, size: size, to: session.repository, .push)
            forget(session)
            // The blob is in its place. Where its row cannot be removed, the next sweep removes it.
            try? await database.write { try UploadTable.remove(session.id, $0) }
            return size
        } catch {
            _ = session.close()
            try? await discard(session)
            if let error = error as? BlobStoreError { throw Refusal(error) }
            throw error
        }
    }

    /// Closes and discards a session that has failed.
    private func end(_ session: UploadSession) async throws {
        if session.close() { try await discard(session) }
    }

    /// Forgets a closed session: first the bytes, then the row. After a crash between the two, the next start removes the row.
    func discard(_ session: UploadSession) async throws {
        forget(session)
        if let live = session.live {
            live.ingest.discard()
        } else if let staged = session.record.staged {
            removeStaged(staged)
        }
        try await database.write { try UploadTable.remove(session.id, $0) }
    }

    private func removeStaged(_ name: String) {
        removals.begin { [blobs, logger] in
            do throws(BlobStoreError) { try blobs.store.discardStaged(name) } catch {
                // The next start removes it.
                logger.warning("Staged blob not removed", metadata: ["staged.name": "\(name)", "error": "\(error)"])
            }
        }
    }

    /// Unloads the uploads that have waited longest, until `limit` are left. What they hold is on disk.
    func putAway(downTo limit: Int) {
        let idle = sessions.withLock { sessions -> [UploadSession] in
            guard sessions.count > limit else { return [] }
            let waiting = sessions.values.compactMap { session in session.idleSince.map { (session, $0) } }
            return waiting.sorted { $0.1 < $1.1 }.prefix(sessions.count - limit).map(\.0)
        }
        for session in idle where session.closeIfIdle(since: clock.now) { forget(session) }
    }

    // MARK: - The service

    /// Gives up uploads that have not been touched for the window.
    package func run() async throws {
        await cancelWhenGracefulShutdown { [self] in
            while !Task.isCancelled {
                do { try await sweep() } catch {
                    logger.log(
                        level: .error.unlessStopping(error), "Abandoned uploads not removed", metadata: ["error": "\(error)"])
                }
                try? await Task.sleep(for: min(.seconds(60), settings.window))
            }
        }
    }

    package func sweep() async throws {
        let now = clock.due
        let patience = UploadTable.Patience(
            begun: now + (.zero - settings.window), empty: now + (.zero - min(settings.window, settings.emptyWindow)))
        for upload in try await database.read({ try UploadTable.abandoned(patience, $0) }) {
            if let session = held(upload.id) {
                let limit = session.status.received > 0 ? patience.begun : patience.empty
                guard session.closeIfIdle(since: upload.isHomeless ? now : limit) else { continue }
                try await discard(session)
            } else {
                // A request may have continued the upload since it was listed, so the transaction asks again.
                let removed = try await database.write { try UploadTable.removeAbandoned(upload.id, patience, $0) }
                guard let removed else { continue }
                if let staged = removed.staged { removeStaged(staged) }
            }
            logger.info("Upload given up", metadata: ["upload.id": "\(upload.id)"])
        }
    }

    /// Removes the staged files of earlier runs, except those of open uploads, and forgets uploads whose bytes are gone. For the
    /// start, before anything is staged. Returns the number of files removed.
    package func restore() async throws -> Int {
        let uploads = try await database.read { try UploadTable.staged($0) }
        let cleared = try blobs.store.clearStaging(keeping: Set(uploads.map(\.staged)))
        let lost = uploads.filter { upload in
            do throws(BlobStoreError) { _ = try blobs.store.openStaged(upload.staged) } catch { return error == .missing }
            return false
        }
        guard !lost.isEmpty else { return cleared }
        // Their program crashed between a commit and the end of the upload.
        try await database.write { sql in
            for upload in lost { try UploadTable.remove(upload.id, sql) }
        }
        return cleared
    }
}
