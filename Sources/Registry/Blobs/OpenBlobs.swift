import Synchronization
import WeirCore

/// The stored blobs that are being read.
final class OpenBlobs: Sendable {
    private struct Entry: Sendable {
        weak let content: OpenContent?
        let storedAt: Timestamp?
    }

    private struct State {
        var entries: [BlobLocation: Entry] = [:]
        /// At this number of entries, those whose content is no longer read are dropped.
        var limit = 64
    }

    private let state = Mutex(State())

    /// The open content of the bytes that were stored at that moment.
    func content(in location: BlobLocation, storedAt: Timestamp?) -> OpenContent? {
        state.withLock { $0.entries[location].flatMap { $0.storedAt == storedAt ? $0.content : nil } }
    }

    /// Makes the next reader open the place anew, instead of joining those who read it now.
    func forget(_ location: BlobLocation) { state.withLock { $0.entries[location] = nil } }

    /// Lets later readers join the content. Returns the other one where two readers opened it at the same time.
    func share(_ content: BlobContent, in location: BlobLocation, storedAt: Timestamp?) -> OpenContent {
        let new = OpenContent(content)
        return state.withLock { state in
            if let entry = state.entries[location], entry.storedAt == storedAt, let present = entry.content { return present }
            if state.entries.count >= state.limit {
                state.entries = state.entries.filter { $0.value.content != nil }
                state.limit = max(64, 2 * state.entries.count)
            }
            state.entries[location] = Entry(content: new, storedAt: storedAt)
            return new
        }
    }
}
