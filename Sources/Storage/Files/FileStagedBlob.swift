import CPlatform
import NIOCore
import Synchronization
import WeirCore

/// A blob being written: a file in `staging` with one writer and any number of concurrent readers.
final class FileStagedBlob: StagedBlob {
    /// After this many bytes the kernel is told to start writing to disk, so that the final fsync has little left to do.
    private static let writeback: Int64 = 16 << 20

    private enum State {
        /// Idle. Leaves to `appending`, `committing` or `discarded`.
        case open
        /// Bytes are being written or synced. Back to `open`; to `spoiled` if the fsync fails; to `discarded` if `discard` is
        /// called meanwhile.
        case appending
        /// Being synced and renamed. To `committed`; back to `open` if the rename fails, as on a full disk; to `spoiled` if the
        /// fsync fails.
        case committing
        /// Renamed into its place. Final.
        case committed
        /// The file is deleted. Final.
        case discarded
        /// fsync failed. The kernel then drops the pages that it could not write, so a second fsync would succeed wrongly: there
        /// is none. Leaves only to `discarded`.
        case spoiled(BlobStoreError)
    }

    private struct Progress {
        var state = State.open
        /// The offset up to which writing to disk has been started.
        var flushed: Int64 = 0
        /// A caller has its name from `checkpoint` and relies on its bytes.
        var isKept = false
    }

    private let tree: BlobTree
    private let name: String
    private let file: BlobFile
    private let progress = Mutex(Progress())
    /// How many bytes readers may read. Stored with `releasing` after the bytes are in the file and loaded with `acquiring`, so a
    /// reader that sees the size sees the bytes.
    private let end = Atomic<Int64>(0)

    init(in tree: BlobTree, reads: FileReads) throws(BlobStoreError) {
        self.tree = tree
        name = tree.stagingName()
        do {
            file = BlobFile(try Disk.create(name, in: tree), name: name, reads: reads)
        } catch .missing {
            throw .unavailable("the folder \(BlobTree.staging) is gone")
        }
    }

    deinit {
        if !progress.withLock({ $0.isKept }) { discard() }
    }

    var size: Int64 { end.load(ordering: .acquiring) }
    var fileDescriptor: Int32? { file.descriptor }

    func read(at offset: Int64, count: Int) async throws(BlobStoreError) -> ByteBuffer {
        try await file.read(at: offset, count: count, end: size)
    }

    func append(_ bytes: ByteBuffer) throws(BlobStoreError) {
        try enter(.appending)
        defer { leave(.appending, for: .open) }
        try tree.room?.take(Int64(bytes.readableBytes))
        let start = end.load(ordering: .relaxed)
        // A write that fails half-way leaves bytes beyond the end: no reader looks there, and the next write overwrites them.
        try Disk.write(bytes, to: file.descriptor, at: start, name)
        let now = start + Int64(bytes.readableBytes)
        end.store(now, ordering: .releasing)
        startWriteback(upTo: now)
    }

    func overwrite(_ bytes: ByteBuffer, at offset: Int64) throws(BlobStoreError) {
        try enter(.appending)
        defer { leave(.appending, for: .open) }
        guard offset >= 0, offset + Int64(bytes.readableBytes) <= end.load(ordering: .relaxed) else {
            throw .failed("\(name) is shorter than what is to be overwritten")
        }
        try Disk.write(bytes, to: file.descriptor, at: offset, name)
    }

    func checkpoint() throws(BlobStoreError) -> String {
        try enter(.appending)
        do {
            try Disk.sync(file.descriptor, name)
        } catch {
            leave(.appending, for: .spoiled(error))
            throw error
        }
        leave(.appending, for: .open)
        // The file's name must be durable too; syncing the folder once is enough.
        if !progress.withLock({ $0.isKept }) {
            try Disk.syncFolder(BlobTree.staging, in: tree)
            progress.withLock { $0.isKept = true }
        }
        return String(name.dropFirst(BlobTree.staging.utf8.count + 1))
    }

    func commit(as location: BlobLocation) throws(BlobStoreError) {
        let target = try tree.name(of: location)
        try enter(.committing)
        do {
            try Disk.sync(file.descriptor, name)
        } catch {
            leave(.committing, for: .spoiled(error))
            throw error
        }
        let folder: String
        do {
            // Either call fails without room for a folder or its entry. The bytes are intact, and the caller may try again.
            folder = try tree.prepare(target)
            try Disk.rename(name, to: target, in: tree)
        } catch {
            leave(.committing, for: .open)
            throw error
        }
        // Visible from here on, with all bytes on disk. If this last sync fails, a power cut may lose the name: the caller gets
        // an error and records nothing.
        leave(.committing, for: .committed)
        try Disk.syncFolder(folder, in: tree)
    }

    func discard() {
        let isLast = progress.withLock { progress in
            switch progress.state {
            case .open, .appending, .spoiled:
                progress.state = .discarded
                return true
            case .committing, .committed, .discarded: return false
            }
        }
        guard isLast else { return }
        // A file that cannot be removed now is removed at the next start.
        try? Disk.remove(name, in: tree)
    }

    private func startWriteback(upTo now: Int64) {
        let from = progress.withLock { progress -> Int64? in
            guard now - progress.flushed >= Self.writeback else { return nil }
            defer { progress.flushed = now }
            return progress.flushed
        }
        // Only advice: a file system that ignores it writes later.
        if let from { _ = weir_start_writeback(file.descriptor, Int(from), Int(now - from)) }
    }

    /// From `open` to `state`; throws if the blob is in another state.
    private func enter(_ state: State) throws(BlobStoreError) {
        let refusal = progress.withLock { progress -> BlobStoreError? in
            switch progress.state {
            case .open:
                progress.state = state
                return nil
            case .appending: return .failed("\(name) has two writers")
            case .committing, .committed: return .failed("\(name) has been committed")
            case .discarded: return .failed("\(name) has been discarded")
            case .spoiled(let error): return error
            }
        }
        if let refusal { throw refusal }
    }

    /// From `busy` to `state`, unless the blob was discarded meanwhile.
    private func leave(_ busy: State, for state: State) {
        progress.withLock { progress in
            switch (progress.state, busy) {
            case (.appending, .appending), (.committing, .committing): progress.state = state
            default: break
            }
        }
    }
}
