import GRDB
import Synchronization
import WeirCore

// The write-ahead log (`-wal`) holds commits that are not in the database file yet. SQLite moves them (a checkpoint) when the log
// has grown to 1,000 pages. In addition:
//
//     tidy    every minute with writes: the file alone, which some backups copy, is then never days behind
//     scrub   after secrets were destroyed, and truncates: old frames would keep their bytes until they are overwritten
//     close   and truncates: a graceful stop leaves one complete file

/// What has been done with the log.
final class LogState: Sendable {
    /// Secrets were destroyed, and the log could not be truncated yet.
    let owesScrub = Atomic(false)
    /// The value of `version` at the last checkpoint.
    let tidied = Atomic<UInt64>(0)
}

extension SQLiteDatabase {
    package func scrub() async {
        log.owesScrub.store(true, ordering: .relaxed)
        await cutOff()
    }

    /// Moves the log into the file if something was written since the last time. Does not wait for readers or writers. Call it
    /// regularly.
    package func tidy() async {
        if log.owesScrub.load(ordering: .relaxed) { return await cutOff() }
        let now = version ?? 0
        guard log.tidied.exchange(now, ordering: .relaxed) != now else { return }
        // Frames that a reader still needs are moved the next time.
        _ = try? await checkpoint(.passive)
    }

    /// Waits for running work, moves the log into the file, truncates it and closes both. No calls may follow. If the log cannot
    /// be moved it throws; both are closed all the same, and the next start reads the log. Blocks: call it at the end.
    package func close() throws {
        do {
            // GRDB closes its writer before its readers, and the last connection to close would move the log: a reader, which may
            // not write.
            let moved = Result { try database.barrierWriteWithoutTransaction { _ = try $0.checkpoint(.truncate) } }
            try database.close()
            try moved.get()
        } catch let error as DatabaseError {
            throw SQLError(error)
        }
    }

    private func cutOff() async {
        // Fails while a reader uses an old snapshot: `owesScrub` then stays set.
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
