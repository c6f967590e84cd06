package import NIOCore
import Synchronization
package import WeirCore

/// Blobs in memory: a store that is fast enough to be made ten thousand times, and that can be held at every step.
package final class MemoryBlobStore: BlobStore {
    /// A step that a place is about to take.
    package enum Step: Sendable, Equatable { case commit, delete, quarantine, release, deleteQuarantined }

    /// Called before each step, with the result of `stagedBy` when the blob was staged. The step throws what it throws.
    package typealias Hook = @Sendable (Step, _ stagedBy: Int?) throws(BlobStoreError) -> Void

    private struct State {
        var committed: [BlobLocation: Bytes] = [:]
        var quarantined: [QuarantinedBlob: Bytes] = [:]
        /// The errors with which reading a place fails.
        var failures: [BlobLocation: BlobStoreError] = [:]
        var staged: [String: Bytes] = [:]
        var lastName = 0
    }

    private let state = Mutex(State())
    /// When the content of a place was last changed: long ago, unless a test says otherwise.
    private let changed = Mutex<[BlobLocation: Timestamp]>([:])
    private let hook: Hook
    private let stagedBy: @Sendable () -> Int?

    package init(
        stagedBy: @escaping @Sendable () -> Int? = { nil }, before hook: @escaping Hook = { _, _ throws(BlobStoreError) in }
    ) {
        self.stagedBy = stagedBy
        self.hook = hook
    }

    package var locations: Set<BlobLocation> { state.withLock { Set($0.committed.keys) } }
    package var quarantined: Set<QuarantinedBlob> { state.withLock { Set($0.quarantined.keys) } }
    package var stagedCount: Int { state.withLock { $0.staged.count } }

    /// Changes the content of a place, as a failing disk does; nil removes it.
    package func spoil(_ location: BlobLocation, _ change: (inout ByteBuffer) -> Void) {
        state.withLock { state in
            guard var bytes = state.committed[location]?.all else { return }
            change(&bytes)
            state.committed[location] = Bytes(bytes)
        }
    }

    /// From now on the place cannot be opened, and open readers of it cannot read; nil ends that.
    package func fail(_ location: BlobLocation, with error: BlobStoreError?) { state.withLock { $0.failures[location] = error } }

    package func lose(_ location: BlobLocation) { state.withLock { $0.committed[location] = nil } }

    package func touch(_ location: BlobLocation, at moment: Timestamp) { changed.withLock { $0[location] = moment } }
    private func changedAt(_ location: BlobLocation) -> Timestamp { changed.withLock { $0[location] ?? Timestamp(seconds: 0) } }

    package func put(_ bytes: ByteBuffer, in location: BlobLocation) { state.withLock { $0.committed[location] = Bytes(bytes) } }

    package func stage() throws(BlobStoreError) -> any StagedBlob {
        state.withLock { state in
            state.lastName += 1
            let name = "staged-\(state.lastName)"
            let bytes = Bytes(ByteBuffer())
            state.staged[name] = bytes
            return Staged(name: name, bytes: bytes, store: self, by: stagedBy())
        }
    }

    package func open(_ location: BlobLocation) throws(BlobStoreError) -> any StoredBlob {
        try Self.check(location)
        let (bytes, failure) = state.withLock { ($0.committed[location], $0.failures[location]) }
        if let failure { throw failure }
        guard let bytes else { throw .missing }
        return Opened(bytes: bytes) { [weak self] in self?.state.withLock { $0.failures[location] } }
    }

    /// Readers that opened a place before it fails notice the failure, too.
    private struct Opened: StoredBlob {
        let bytes: Bytes
        let failure: @Sendable () -> BlobStoreError?

        var size: Int64 { bytes.size }
        var fileDescriptor: Int32? { nil }

        func read(at offset: Int64, count: Int) async throws(BlobStoreError) -> ByteBuffer {
            if let failure = failure() { throw failure }
            return try await bytes.read(at: offset, count: count)
        }
    }

    package func quarantine(_ blob: QuarantinedBlob) throws(BlobStoreError) {
        try Self.check(blob.location)
        try hook(.quarantine, nil)
        let isThere = state.withLock { state in
            guard let bytes = state.committed.removeValue(forKey: blob.location) else { return false }
            state.quarantined[blob] = bytes
            return true
        }
        if !isThere { throw .missing }
    }

    package func release(_ blob: QuarantinedBlob) throws(BlobStoreError) {
        try Self.check(blob.location)
        try hook(.release, nil)
        let isThere = state.withLock { state in
            guard let bytes = state.quarantined.removeValue(forKey: blob) else { return false }
            state.committed[blob.location] = bytes
            return true
        }
        if !isThere { throw .missing }
    }

    package func open(_ blob: QuarantinedBlob) throws(BlobStoreError) -> any StoredBlob {
        try Self.check(blob.location)
        guard let bytes = state.withLock({ $0.quarantined[blob] }) else { throw .missing }
        return bytes
    }

    package func delete(_ blob: QuarantinedBlob) throws(BlobStoreError) {
        try Self.check(blob.location)
        try hook(.deleteQuarantined, nil)
        state.withLock { $0.quarantined[blob] = nil }
    }

    package func quarantineDirectories() throws(BlobStoreError) -> [BlobDirectory] {
        state.withLock { $0.quarantined.isEmpty ? [] : [BlobDirectory(Self.quarantineShelf)] }
    }

    private static let quarantineShelf = "lost"

    package func delete(_ location: BlobLocation) throws(BlobStoreError) {
        try Self.check(location)
        try hook(.delete, nil)
        state.withLock { $0.committed[location] = nil }
    }

    package func directories() throws(BlobStoreError) -> [BlobDirectory] {
        state.withLock { state in Set(state.committed.keys.map(\.scope)).sorted().map { BlobDirectory($0) } }
    }

    package func contents(of directory: BlobDirectory) throws(BlobStoreError) -> [BlobEntry] {
        state.withLock { state in
            if directory.name == Self.quarantineShelf {
                return state.quarantined.map {
                    BlobEntry(
                        name: "lost/\($0.key)", location: nil, quarantined: $0.key, size: $0.value.size,
                        changedAt: changedAt($0.key.location))
                }
            }
            return state.committed.filter { $0.key.scope == directory.name }
                .map {
                    BlobEntry(name: $0.key.description, location: $0.key, size: $0.value.size, changedAt: changedAt($0.key))
                }
                .sorted { $0.name < $1.name }
        }
    }

    package func openStaged(_ name: String) throws(BlobStoreError) -> any StoredBlob {
        guard let bytes = state.withLock({ $0.staged[name] }) else { throw .missing }
        return bytes
    }

    package func discardStaged(_ name: String) throws(BlobStoreError) {
        state.withLock { $0.staged[name] = nil }
    }

    package func clearStaging(keeping names: Set<String>) throws(BlobStoreError) -> Int {
        state.withLock { state in
            let before = state.staged.count
            state.staged = state.staged.filter { names.contains($0.key) }
            return before - state.staged.count
        }
    }

    private static func check(_ location: BlobLocation) throws(BlobStoreError) {
        let isGood =
            (1...64).contains(location.scope.utf8.count)
            && location.scope.utf8.allSatisfy { (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2d }
        guard isGood else { throw .failed("a bad scope") }
    }

    private final class Bytes: StoredBlob {
        private let buffer: Mutex<ByteBuffer>

        init(_ bytes: ByteBuffer) { buffer = Mutex(bytes) }

        var all: ByteBuffer { buffer.withLock { $0 } }
        var size: Int64 { buffer.withLock { Int64($0.readableBytes) } }
        var fileDescriptor: Int32? { nil }

        func append(_ bytes: ByteBuffer) { buffer.withLock { _ = $0.writeImmutableBuffer(bytes) } }

        func overwrite(_ bytes: ByteBuffer, at offset: Int64) {
            buffer.withLock { _ = $0.setBuffer(bytes, at: $0.readerIndex + Int(offset)) }
        }

        func read(at offset: Int64, count: Int) async throws(BlobStoreError) -> ByteBuffer {
            guard offset >= 0, count >= 0 else { throw .failed("nothing to read at \(offset)") }
            let all = all
            guard offset < all.readableBytes else { return ByteBuffer() }
            let start = all.readerIndex + Int(offset)
            return all.getSlice(at: start, length: min(count, all.writerIndex - start)) ?? ByteBuffer()
        }
    }

    private final class Staged: StagedBlob {
        private enum Phase { case open, checkpointed, committed, discarded }

        private let name: String
        private let bytes: Bytes
        private let store: MemoryBlobStore
        private let by: Int?
        private let phase = Mutex(Phase.open)

        init(name: String, bytes: Bytes, store: MemoryBlobStore, by: Int?) {
            self.name = name
            self.bytes = bytes
            self.store = store
            self.by = by
        }

        deinit { if phase.withLock({ $0 == .open }) { discard() } }

        var size: Int64 { bytes.size }
        var fileDescriptor: Int32? { nil }

        func read(at offset: Int64, count: Int) async throws(BlobStoreError) -> ByteBuffer {
            try await bytes.read(at: offset, count: count)
        }

        func append(_ more: ByteBuffer) throws(BlobStoreError) {
            try checkOpen()
            bytes.append(more)
        }

        func overwrite(_ more: ByteBuffer, at offset: Int64) throws(BlobStoreError) {
            try checkOpen()
            guard offset >= 0, offset + Int64(more.readableBytes) <= bytes.size else { throw .failed("beyond the end") }
            bytes.overwrite(more, at: offset)
        }

        func checkpoint() throws(BlobStoreError) -> String {
            try checkOpen()
            phase.withLock { $0 = .checkpointed }
            return name
        }

        func commit(as location: BlobLocation) throws(BlobStoreError) {
            try MemoryBlobStore.check(location)
            try checkOpen()
            try store.hook(.commit, by)
            let isThere = store.state.withLock { state in
                guard state.staged.removeValue(forKey: name) != nil else { return false }
                state.committed[location] = bytes
                return true
            }
            guard isThere else { throw .failed("the staged blob has been cleared") }
            phase.withLock { $0 = .committed }
        }

        func discard() {
            let isLast = phase.withLock { phase in
                guard phase == .open || phase == .checkpointed else { return false }
                phase = .discarded
                return true
            }
            if isLast { store.state.withLock { _ = $0.staged.removeValue(forKey: name) } }
        }

        private func checkOpen() throws(BlobStoreError) {
            guard phase.withLock({ $0 == .open || $0 == .checkpointed }) else { throw .failed("committed or discarded") }
        }
    }
}
