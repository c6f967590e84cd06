import Synchronization
import WeirCore
import WeirVault

/// Why stored bytes could not be read, or were wrong. The last read found it, the blob's row keeps it, and nothing is deleted
/// because of it.
package struct BlobFault: Error, Sendable, Hashable, CustomStringConvertible {
    package enum State: String, Sendable, CaseIterable {
        /// The bytes are there, and are not those that were stored.
        case damaged
        /// The disk, or what it is attached to, did not deliver the bytes this time: they may be intact.
        case unreadable
        /// There is no file.
        case missing
    }

    package let state: State
    /// What was seen, for the log and for `weir verify`.
    package let detail: String
    /// The fault concerns this blob. Where too many files are open every blob is unreadable, and none of them is to blame.
    let isOfTheBlob: Bool

    init(_ state: State, _ detail: String, isOfTheBlob: Bool = true) {
        self.state = state
        self.detail = detail
        self.isOfTheBlob = isOfTheBlob
    }

    /// Nil where the error tells nothing about stored bytes.
    init?(_ error: any Error) {
        switch error {
        case let fault as BlobFault: self = fault
        case SealError.misused: return nil
        case let error as SealError: self.init(.damaged, "\(error)")
        case BlobStoreError.missing: self.init(.missing, "the file is not there")
        case BlobStoreError.damaged(let detail): self.init(.damaged, detail)
        case BlobStoreError.unavailable(let detail): self.init(.unreadable, detail)
        case BlobStoreError.tooManyFiles(let detail): self.init(.unreadable, detail, isOfTheBlob: false)
        default: return nil
        }
    }

    package var description: String { "\(state.rawValue): \(detail)" }
}

extension BlobFault.State {
    /// A push of the same bytes mends the fault, so a client that asks before it pushes is told that they are not here.
    /// Unreadable bytes may be intact: they count as here.
    var wantsBytes: Bool { self != .unreadable }
}

extension Refusal {
    /// What a client is told of stored bytes for which there is no other source.
    init(_ fault: BlobFault, of digest: Digest) {
        let facts = ["store.detail": fault.detail]
        switch fault.state {
        case .damaged:
            self.init(.contentDamaged, "The stored layer \(digest) is damaged. Push it again", facts: facts)
        case .missing:
            self.init(
                .contentDamaged,
                "The stored layer \(digest) is missing: its file is not where it was stored. Push it again, or bring the file back",
                facts: facts)
        case .unreadable:
            self.init(
                .storageUnavailable, "The stored layer \(digest) cannot be read now. Try again",
                retryAfter: Self.storagePause, facts: facts)
        }
    }

    /// How long a client should wait before it asks again a store that did not answer.
    static let storagePause = Duration.seconds(5)

    /// What a client is told of a store that failed.
    init(_ error: BlobStoreError) {
        switch error {
        case .missing: self.init(.contentDamaged, "The stored content is missing")
        case .damaged(let detail):
            self.init(.contentDamaged, "The stored content is damaged", facts: ["store.detail": detail])
        case .full(let detail):
            self.init(
                .storageFull, "The server has no room to store this. Free some, then try again",
                facts: ["store.detail": detail])
        case .tooManyFiles(let detail):
            self.init(
                .storageUnavailable, "The server has as many files open as it may. Try again in a moment",
                retryAfter: Self.storagePause, facts: ["store.detail": detail])
        case .unavailable(let detail):
            self.init(
                .storageUnavailable, "The server's storage does not answer as it should. Try again in a moment",
                retryAfter: Self.storagePause, facts: ["store.detail": detail])
        case .closed:
            self.init(.shuttingDown, "The server is stopping. Try again in a moment", retryAfter: .seconds(5))
        case .failed(let detail):
            self.init(.contentDamaged, "The server's storage failed", facts: ["store.detail": detail])
        }
    }
}

/// When the fault of a place was last written down, and when content with a fault was last read whole: neither is done anew for
/// each reader.
final class FaultMemory: Sendable {
    private static let capacity = 4_096

    private struct State {
        var told: [BlobPlace: (state: BlobFault.State, at: Timestamp)] = [:]
        var examined: [BlobPlace: (fault: BlobFault, at: Timestamp)] = [:]
    }

    private let state = Mutex(State())

    /// True where this fault was not written down within the last 60 s.
    func isNews(_ fault: BlobFault, of place: BlobPlace, at now: Timestamp) -> Bool {
        state.withLock { state in
            if let told = state.told[place], told.state == fault.state, Self.isWithin(.seconds(60), told.at, now) { return false }
            if state.told.count >= Self.capacity { state.told.removeAll(keepingCapacity: true) }
            state.told[place] = (fault.state, now)
            return true
        }
    }

    /// The fault that reading the whole blob found within the last 100 ms.
    func recentFault(of place: BlobPlace, at now: Timestamp) -> BlobFault? {
        state.withLock { $0.examined[place] }.flatMap { Self.isWithin(.milliseconds(100), $0.at, now) ? $0.fault : nil }
    }

    func remember(_ fault: BlobFault, of place: BlobPlace, at now: Timestamp) {
        state.withLock { state in
            if state.examined.count >= Self.capacity { state.examined.removeAll(keepingCapacity: true) }
            state.examined[place] = (fault, now)
        }
    }

    func forget(_ place: BlobPlace) {
        state.withLock { state in
            state.told[place] = nil
            state.examined[place] = nil
        }
    }

    /// False for a moment in the future: a clock may be set back.
    private static func isWithin(_ duration: Duration, _ moment: Timestamp, _ now: Timestamp) -> Bool {
        moment <= now && now - moment < duration
    }
}
