package import NIOCore

/// Bytes on their way: pulled by the reader, so that its demand is the backpressure.
package typealias ByteStream = any AsyncSequence<ByteBuffer, any Error> & Sendable

/// Where a blob lies: under the key that seals it, by its digest. The same content under two keys is two blobs.
package struct BlobPlace: Hashable, Sendable, CustomStringConvertible {
    /// Names the key, as lower-case letters, digits and dashes: safe in a path. `plain` for content that is not sealed.
    package let scope: String
    package let digest: Digest

    package init(scope: String, digest: Digest) {
        self.scope = scope
        self.digest = digest
    }

    package var description: String { "\(scope)/\(digest)" }
}

/// Where blobs are kept, as bytes: it does not know what they mean nor whether they are sealed.
///
/// A blob becomes visible only by `StagedBlob.commit`, whole and on disk, or not at all.
package protocol BlobStore: Sendable {
    /// A new, empty, invisible blob. Throws `BlobStoreError.full` where no room is left.
    func stage() throws(BlobStoreError) -> any StagedBlob

    /// Throws `.missing` where nothing was committed under `place`.
    func open(_ place: BlobPlace) throws(BlobStoreError) -> any StoredBlob

    /// Removes the blob, if it is there. Readers that have it open read on.
    func delete(_ place: BlobPlace) throws(BlobStoreError)

    /// The folders, so to speak, in which blobs lie: each holds few enough names to be read at once. Blocks.
    func shelves() throws(BlobStoreError) -> [BlobShelf]

    /// What lies on a shelf now, also on one of those in quarantine; empty where it is gone. Blocks.
    func contents(of shelf: BlobShelf) throws(BlobStoreError) -> [BlobEntry]

    /// Takes a blob out of its place, so that nobody finds it any more, and keeps it: all or nothing. Readers that have it open
    /// read on. Throws `.missing` where nothing lies there. Blocks.
    func quarantine(_ blob: QuarantinedBlob) throws(BlobStoreError)

    /// Puts a blob back into its place, on disk when this returns; what lies there is replaced. Throws `.missing` where it is not
    /// in quarantine. Blocks.
    func release(_ blob: QuarantinedBlob) throws(BlobStoreError)

    /// Throws `.missing` where it is not in quarantine.
    func open(_ blob: QuarantinedBlob) throws(BlobStoreError) -> any StoredBlob

    /// Removes a blob from quarantine, if it is there. Blocks.
    func delete(_ blob: QuarantinedBlob) throws(BlobStoreError)

    /// The shelves on which what is in quarantine lies. Blocks.
    func quarantineShelves() throws(BlobStoreError) -> [BlobShelf]

    /// A staged blob by the name that `checkpoint` told, in this run or an earlier one: its bytes as they lie there. Throws
    /// `.missing` where it was committed, discarded or cleared.
    func openStaged(_ name: String) throws(BlobStoreError) -> any StoredBlob

    /// Removes a staged blob by that name, if it is there. For what an earlier run staged: a `StagedBlob` discards itself.
    func discardStaged(_ name: String) throws(BlobStoreError)

    /// Removes what earlier runs staged and did not commit, but for `names`; tells how many. For the start, before anything is
    /// staged.
    func clearStaging(keeping names: Set<String>) throws(BlobStoreError) -> Int
}

extension BlobStore {
    package func clearStaging() throws(BlobStoreError) -> Int { try clearStaging(keeping: []) }
}

/// A part of a store, for whoever walks through all of it.
package struct BlobShelf: Hashable, Sendable {
    /// Relative to the store: safe to show.
    package let name: String

    package init(_ name: String) { self.name = name }
}

/// Something that lies in a store.
package struct BlobEntry: Hashable, Sendable {
    /// Relative to the store: safe to show.
    package let name: String
    /// The blob whose bytes these are, or nil for what is in quarantine and what the store did not put there.
    package let place: BlobPlace?
    /// The blob in quarantine whose bytes these are.
    package let quarantined: QuarantinedBlob?
    /// Bytes it takes.
    package let size: Int64
    /// When it was last written, renamed or given to somebody else, by the clock of who did so: whatever came last.
    package let changedAt: Timestamp

    package init(
        name: String, place: BlobPlace?, quarantined: QuarantinedBlob? = nil, size: Int64, changedAt: Timestamp
    ) {
        self.name = name
        self.place = place
        self.quarantined = quarantined
        self.size = size
        self.changedAt = changedAt
    }
}

/// A blob that was taken out of its place. The same place may be emptied again and again: the number tells them apart.
package struct QuarantinedBlob: Hashable, Sendable, CustomStringConvertible {
    /// Where it lay.
    package let place: BlobPlace
    /// 16 lower-case hexadecimal digits: safe in a path.
    package let number: String

    package init(place: BlobPlace, number: String) {
        self.place = place
        self.number = number
    }

    package var description: String { "\(place).\(number)" }
}

/// Bytes that can be read at any offset, by many readers at once, until the last of them lets go.
package protocol StoredBlob: Sendable {
    /// Bytes there are now. For a staged blob it grows.
    var size: Int64 { get }

    /// `count` bytes from `offset`, fewer only where the blob ends. Fast where the page cache holds them; else it waits on a
    /// thread that may wait, not on the caller's.
    func read(at offset: Int64, count: Int) async throws(BlobStoreError) -> ByteBuffer

    /// A file that the kernel can send by itself, or nil where there is none.
    var fileDescriptor: Int32? { get }
}

/// A blob being written. One writer appends; any number may read what has been appended.
///
/// What is neither committed, discarded nor checkpointed is discarded when the last reference goes.
package protocol StagedBlob: StoredBlob {
    /// Adds bytes at the end. Blocks: call it on a thread that may.
    func append(_ bytes: ByteBuffer) throws(BlobStoreError)

    /// Puts other bytes in the place of as many that were appended before. For what no reader looks at before the commit. Blocks.
    func overwrite(_ bytes: ByteBuffer, at offset: Int64) throws(BlobStoreError)

    /// Sees to it that what has been appended survives a crash and a power cut, still invisible; tells the name under which
    /// `BlobStore.openStaged` finds it. From now on the bytes stay when the last reference goes: only `commit` and `discard`
    /// end them, and `discardStaged`. Blocks.
    func checkpoint() throws(BlobStoreError) -> String

    /// Makes the blob visible under `place`: fsync, rename, fsync of the directory. Replaces an older copy. Blocks.
    func commit(as place: BlobPlace) throws(BlobStoreError)

    /// Gives the room back. Readers that are reading read on.
    func discard()
}

/// Why a store did not do it. The texts say which call failed on which name, and why.
package enum BlobStoreError: Error, Sendable, Equatable {
    /// Nothing lies there.
    case missing
    /// No room: what was being written is lost, what is stored is not.
    case full(String)
    /// As many files are open as may be. What is stored is well, and can be had when some have been closed.
    case tooManyFiles(String)
    /// The disk or the kernel refused this time: nothing is known of the bytes, which may be had again in a second.
    case unavailable(String)
    /// What lies there is not what was put there: cut short, or no file.
    case damaged(String)
    /// The store has been shut down: the program is ending.
    case closed
    /// Whoever called asked for what makes no sense: the program is wrong, not the disk.
    case failed(String)
}
