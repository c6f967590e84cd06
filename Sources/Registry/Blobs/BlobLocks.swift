import Synchronization
import WeirCore

/// One lock for each blob's place, held while a file and its row come or go together: a commit renames the file into its place
/// and then writes the row; the collector deletes the row and then the file. Neither may happen between the two steps of the
/// other, or the row of new content would stand for a file that the collector has just removed (docs/collection.md draws it).
///
/// In memory, because one process owns the data folder; a crash lets go of them all, and leaves at worst a file without a row.
/// First come, first served. A wait cannot be cancelled: the holder of a lock is busy with the disk and soon done.
package final class BlobLocks: Sendable {
    private struct State {
        /// A place is held as long as it has an entry.
        var held: [BlobLocation: Waiters<Void, Void>] = [:]
        var waiting = 0
    }

    private let state = Mutex(State())

    package init() {}

    /// How many wait for a place that another one holds.
    package var waiting: Int { state.withLock { $0.waiting } }

    func withLock<Value>(_ location: BlobLocation, _ body: () async throws -> Value) async rethrows -> Value {
        await lock(location)
        defer { unlock(location) }
        return try await body()
    }

    /// Takes several at once, in the order of their names, so that two who want the same ones never wait for each other.
    func withLocks<Value>(_ locations: [BlobLocation], _ body: () async throws -> Value) async rethrows -> Value {
        let locations = Set(locations).sorted { ($0.digest.hex, $0.scope) < ($1.digest.hex, $1.scope) }
        for location in locations { await lock(location) }
        defer { for location in locations { unlock(location) } }
        return try await body()
    }

    private func lock(_ location: BlobLocation) async {
        await state.wait { state, waiter in
            guard state.held[location] != nil else {
                state.held[location] = Waiters()
                return ()
            }
            state.held[location]?.append(waiter)
            state.waiting += 1
            return nil
        }
    }

    private func unlock(_ location: BlobLocation) {
        let next = state.withLock { state -> Waiter<Void>? in
            guard let next = state.held[location]?.popFirst() else {
                state.held[location] = nil
                return nil
            }
            state.waiting -= 1
            return next.waiter
        }
        next?.resume()
    }
}
