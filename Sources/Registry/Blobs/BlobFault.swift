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
