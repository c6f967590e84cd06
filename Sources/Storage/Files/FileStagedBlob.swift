import CPlatform
import NIOCore
import Synchronization
import WeirCore

/// A blob on its way: a file in `staging` that one writer appends to while any number of readers follow.
final class FileStagedBlob: StagedBlob {
    /// The kernel is told to start writing after this many bytes, so that the fsync at the end finds little left to do.
    private static let writeback: Int64 = 16 << 20

    private enum State {
        /// Nobody is busy with it. Leaves to every other state.
        case open
        /// Bytes are being written. Back to `open`, or to `discarded` by somebody who gives up meanwhile.
        case appending
        /// On its way to its place. To `committed`, back to `open` where there was no room, or to `spoiled`.
        case committing
        /// It has its place: for good.
        case committed
        /// The name is gone: for good.
        case discarded
        /// fsync failed. The kernel then forgets what it could not write, and a second fsync would say yes: so there is
        /// no second one. Leaves only to `discarded`.
        case spoiled(BlobStoreError)
    }

    private struct Progress {
        var state = State.open
        /// How far writing to disk has been started.
        var flushed: Int64 = 0
        /// Somebody has its name and counts on its bytes.
        var isKept = false
    }

    private let tree: BlobTree
    private let name: String
    private let file: BlobFile
    private let progress = Mutex(Progress())
    /// Bytes that readers may ask for. Stored with `releasing` after the bytes are in the file and loaded with `acquiring`:
    /// who sees the size sees the bytes.
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
        // A write that fails half-way leaves bytes beyond the end, where nobody looks and the next write goes.
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
        // Its name, too: but once.
        if !progress.withLock({ $0.isKept }) {
            try Disk.syncFolder(BlobTree.staging, in: tree)
            progress.withLock { $0.isKept = true }
        }
        return String(name.dropFirst(BlobTree.staging.utf8.count + 1))
    }

    func commit(as place: BlobPlace) throws(BlobStoreError) {
        let target = try tree.name(of: place)
        try enter(.committing)
        do {
            try Disk.sync(file.descriptor, name)
        } catch {
            leave(.committing, for: .spoiled(error))
            throw error
        }
        let folder: String
        do {
            // No room for a folder or its entry: the bytes are well, and the caller may try again.
            folder = try tree.prepare(target)
            try Disk.rename(name, to: target, in: tree)
        } catch {
            leave(.committing, for: .open)
            throw error
        }
        // Visible from here on, with all its bytes on disk. Where this sync fails only its name may be lost, in a power cut:
        // the caller is told no and records nothing.
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
        // What cannot be removed now is removed at the next start.
        try? Disk.remove(name, in: tree)
    }

    private func startWriteback(upTo now: Int64) {
        let from = progress.withLock { progress -> Int64? in
            guard now - progress.flushed >= Self.writeback else { return nil }
            defer { progress.flushed = now }
            return progress.flushed
        }
        // Advice: a file system that does not take it writes when it likes.
        if let from { _ = weir_start_writeback(file.descriptor, Int(from), Int(now - from)) }
    }

    /// From `open` into `state`, or the reason why not.
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

    /// From `busy` into `state`, unless somebody discarded it meanwhile.
    private func leave(_ busy: State, for state: State) {
        progress.withLock { progress in
            switch (progress.state, busy) {
            case (.appending, .appending), (.committing, .committing): progress.state = state
            default: break
            }
        }
    }
}
