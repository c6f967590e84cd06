package import NIOCore

/// A body in transit. The reader pulls, so its demand is the backpressure.
package typealias ByteStream = any AsyncSequence<ByteBuffer, any Error> & Sendable

/// A blob's address: the key that seals it, and its digest. The same content under two keys is two blobs.
package struct BlobLocation: Hashable, Sendable, CustomStringConvertible {
    /// Names the key in lower-case letters, digits and dashes, safe in a path. For unsealed content: `plain-` and a hash of the
    /// registry.
    package let scope: String
    package let digest: Digest

    package init(scope: String, digest: Digest) {
        self.scope = scope
        self.digest = digest
    }

    package var description: String { "\(scope)/\(digest)" }
}

/// Where blobs are kept. The store sees bytes: it does not know what they mean or whether they are sealed.
///
/// `StagedBlob.commit` makes a blob visible, whole and on disk. Nothing else does.
package protocol BlobStore: Sendable {
    /// A new, empty, invisible blob. Throws `BlobStoreError.full` if no room is left.
    func stage() throws(BlobStoreError) -> any StagedBlob

    /// Throws `.missing` if no blob was committed under `location`.
    func open(_ location: BlobLocation) throws(BlobStoreError) -> any StoredBlob

    /// Removes the blob, if it is there. Readers that have it open read on.
    func delete(_ location: BlobLocation) throws(BlobStoreError)

    /// The store's folders, so that a walk holds only one folder's names at a time. Blocks.
    func directories() throws(BlobStoreError) -> [BlobDirectory]

    /// The entries of a folder now, in or out of quarantine; empty if the folder is gone. Blocks.
    func contents(of directory: BlobDirectory) throws(BlobStoreError) -> [BlobEntry]

    /// Moves a blob into quarantine, atomically: `open` no longer finds it, and its bytes are kept. Readers that have it open
    /// read on. Throws `.missing` if there is no such blob. Blocks.
    func quarantine(_ blob: QuarantinedBlob) throws(BlobStoreError)

    /// Moves a blob back from quarantine to its place, on disk when this returns; replaces a blob that lies there. Throws
    /// `.missing` if it is not in quarantine. Blocks.
    func release(_ blob: QuarantinedBlob) throws(BlobStoreError)

    /// Throws `.missing` if it is not in quarantine.
    func open(_ blob: QuarantinedBlob) throws(BlobStoreError) -> any StoredBlob

    /// Removes a blob from quarantine, if it is there. Blocks.
    func delete(_ blob: QuarantinedBlob) throws(BlobStoreError)

    /// The folders of the quarantine. Blocks.
    func quarantineDirectories() throws(BlobStoreError) -> [BlobDirectory]

    /// Opens a staged blob by the name that `checkpoint` returned, in this run or an earlier one. Throws `.missing` if it was
    /// committed, discarded or cleared.
    func openStaged(_ name: String) throws(BlobStoreError) -> any StoredBlob

    /// Removes a staged blob by that name, if it is there. For blobs that an earlier run staged: a `StagedBlob` discards itself.
    func discardStaged(_ name: String) throws(BlobStoreError)

    /// Removes what earlier runs staged and did not commit, except `names`; returns how many. Call it at the start, before
    /// anything is staged.
    func clearStaging(keeping names: Set<String>) throws(BlobStoreError) -> Int
}

extension BlobStore {
    package func clearStaging() throws(BlobStoreError) -> Int { try clearStaging(keeping: []) }
}

/// One folder of a store, for walks through all of it.
package struct BlobDirectory: Hashable, Sendable {
    /// Relative to the store, so safe to show.
    package let name: String

    package init(_ name: String) { self.name = name }
}

/// A file of a store.
package struct BlobEntry: Hashable, Sendable {
    /// Relative to the store, so safe to show.
    package let name: String
    /// The blob that the file holds; nil for a blob in quarantine, and for a file that the store did not write.
    package let location: BlobLocation?
    /// The blob in quarantine that the file holds; else nil.
    package let quarantined: QuarantinedBlob?
    /// In bytes.
    package let size: Int64
    /// The last change of the content, the name or the owner, by the clock of the machine that changed it.
    package let changedAt: Timestamp

    package init(
        name: String, location: BlobLocation?, quarantined: QuarantinedBlob? = nil, size: Int64, changedAt: Timestamp
    ) {
        self.name = name
        self.location = location
        self.quarantined = quarantined
        self.size = size
        self.changedAt = changedAt
    }
}

/// A blob in quarantine. The same place may be quarantined many times: `number` tells the copies apart.
package struct QuarantinedBlob: Hashable, Sendable, CustomStringConvertible {
    /// Its place before.
    package let location: BlobLocation
    /// 16 lower-case hexadecimal digits: safe in a path.
    package let number: String

    package init(location: BlobLocation, number: String) {
        self.location = location
        self.number = number
    }

    package var description: String { "\(location).\(number)" }
}

/// Bytes that many readers can read at any offset at once, until the last reference goes.
package protocol StoredBlob: Sendable {
    /// In bytes, now. A staged blob's size grows.
    var size: Int64 { get }

    /// `count` bytes from `offset`, fewer only at the blob's end. Answers at once if the page cache holds them; otherwise a
    /// thread that may block waits for the disk, not the caller's.
    func read(at offset: Int64, count: Int) async throws(BlobStoreError) -> ByteBuffer

    /// A file that the kernel can send with `sendfile`; nil if there is none.
    var fileDescriptor: Int32? { get }
}

/// A blob being written. One writer appends; any number may read what has been appended.
///
/// Discarded with its last reference, unless it was committed, discarded or checkpointed.
package protocol StagedBlob: StoredBlob {
    /// Appends bytes. Blocks: call it on a thread that may block.
    func append(_ bytes: ByteBuffer) throws(BlobStoreError)

    /// Replaces bytes that were appended before. Only for bytes that no reader looks at before the commit. Blocks.
    func overwrite(_ bytes: ByteBuffer, at offset: Int64) throws(BlobStoreError)

    /// Makes what has been appended survive a crash and a power cut, still invisible. Returns the name for
    /// `BlobStore.openStaged`. From now on the bytes outlive the last reference: only `commit`, `discard` and `discardStaged` end
    /// them. Blocks.
    func checkpoint() throws(BlobStoreError) -> String

    /// Makes the blob visible under `location`: fsync, rename, fsync of the directory. Replaces an older copy. Blocks.
    func commit(as location: BlobLocation) throws(BlobStoreError)

    /// Frees the room. Readers that have it open read on.
    func discard()
}

/// Why a store failed. The texts name the call, the file and the cause.
package enum BlobStoreError: Error, Sendable, Equatable {
    /// There is no such blob.
    case missing
    /// No room: the blob being written is lost, stored ones are not.
    case full(String)
    /// The process has reached its limit of open files. Stored blobs are intact and can be read once files have been closed.
    case tooManyFiles(String)
    /// The disk or the kernel refused this time. It says nothing about the bytes: a retry may succeed.
    case unavailable(String)
    /// The stored file is not what was written: cut short, or not a regular file.
    case damaged(String)
    /// The store has been shut down, since the program is ending.
    case closed
    /// An invalid call: a mistake in the program, not in the disk.
    case failed(String)
}
