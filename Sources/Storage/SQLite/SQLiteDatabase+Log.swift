import GRDB
import Synchronization
import WeirCore

// The log (`-wal`) holds what was committed and not yet moved into the file. It is moved by SQLite when it has grown to 1,000
// pages, and besides:
//
//     tidy    every minute in which something was written: so the file alone, which is what some backups copy, is never days behind
//     scrub   after secrets were destroyed, and cut off: old frames would hold their bytes until they are written over
//     close   and cut off: what a graceful stop leaves is one whole file

/// How far the log has been dealt with.
final class LogState: Sendable {
    /// Something was destroyed, and the log could not be cut off yet.
    let owesScrub = Atomic(false)
    /// The number of writes up to which it was moved.
    let tidied = Atomic<UInt64>(0)
}

extension SQLiteDatabase {
    package func scrub() async {
        log.owesScrub.store(true, ordering: .relaxed)
        await cutOff()
    }

    /// Moves what the log holds into the file, where something was written since the last time, without waiting for anybody. Call
    /// it now and then.
    package func tidy() async {
        if log.owesScrub.load(ordering: .relaxed) { return await cutOff() }
        let now = version ?? 0
        guard log.tidied.exchange(now, ordering: .relaxed) != now else { return }
        // What a reader holds back is moved the next time.
        _ = try? await checkpoint(.passive)
    }

    /// Waits for what runs, moves the log into the file, cuts it off and lets go of both. Nothing may be asked afterwards. Throws
    /// where the log could not be moved: it is closed all the same, and the log is read at the next start. Blocks: it is for the
    /// end.
    package func close() throws {
        do {
            // GRDB closes its writer before its readers, and whoever is last moves the log: a reader, who may not write.
            let moved = Result { try database.barrierWriteWithoutTransaction { _ = try $0.checkpoint(.truncate) } }
            try database.close()
            try moved.get()
        } catch let error as DatabaseError {
            throw SQLError(error)
        }
    }

    private func cutOff() async {
        // Whoever reads an old snapshot holds it back: then it is owed still.
        if (try? await checkpoint(.truncate)) != nil { log.owesScrub.store(false, ordering: .relaxed) }
    }

    private func checkpoint(_ mode: Database.CheckpointMode) async throws {
        try await withCheckedThrowingContinuation { (waiting: CheckedContinuation<Void, any Error>) in
            database.asyncWriteWithoutTransaction { connection in
                waiting.resume(with: Result { _ = try connection.checkpoint(mode) })
            }
        }
    }
}
