// The tree on the disk:
//
//     FOLDER/                                 0700, as every folder in it
//       blobs/
//         .weir-<id>.<count>/                 says which store this is (StoreMarkFolder)
//         <scope>/                            the key that seals what is below: aes256-…, kms-…, plain
//           <algorithm>/                      sha256, sha512
//             <2 hex>/                        the digest's first two digits: 256 folders, so that none grows huge
//               <hex>                         0600: one blob, whole, on disk, never written again
//       lost/                               quarantine: what was taken out of its place and may yet be wanted
//         <scope>/<algorithm>/<2 hex>/
//           <hex>.<16 hex>                    as it lay in its place; the number tells several of one place apart
//       staging/
//         <random>                            0600: a blob on its way; what a crash leaves is removed at the next start
//
// Why so:
// - A blob is visible only under its own name, and gets the name by rename(2), which is all or nothing. So nobody ever sees half
//   of one, and nothing needs repair after a crash.
// - Acknowledged means on disk: fsync(file) → rename → fsync(its folder). Without the first the name could survive a power cut
//   and the bytes not; without the last the bytes could and the name not. A folder that was made is itself a name in its parent,
//   so the parent is synced too, by whoever first relies on it (`BlobTree.prepare`).
// - `staging` lies in the same tree, because rename does not cross file systems. O_TMPFILE would leave nothing behind, and cannot
//   replace an older copy: linkat(2) refuses a name that is there.
// - Into quarantine and back is a rename, too: what is thrown away by mistake is nowhere copied and never half of itself.
// - Deleting is not synced: a blob that comes back after a crash is garbage with no row, which the sweeper finds.
// - Paths are built from nouns alone: a digest is hexadecimal by its type, and the scope is checked here.

import NIOCore
package import WeirCore

/// Blobs as files below one folder. It opens with the drawing above.
///
/// One process owns the folder: `clearStaging` would take the staged blobs of another.
package final class FileBlobStore: BlobStore {
    let tree: BlobTree
    private let reads: FileReads

    /// Makes the folder and the two in it where they are missing; the folder's parent must be there. Blocks: it is for
    /// the start.
    package init(folder: String) throws(BlobStoreError) {
        tree = try BlobTree(folder)
        reads = FileReads()
    }

    /// Makes nothing: for who wants to know which store it is before it is used. `make` must come before the first blob.
    ///
    /// - Parameter room: asked before anything is written.
    package init(lookingAt folder: String, room: VolumeRoom? = nil) {
        tree = BlobTree(lookingAt: folder, room: room)
        reads = FileReads()
    }

    /// Makes what is missing. Blocks.
    package func make() throws(BlobStoreError) { try tree.make() }

    /// Throws `.unavailable` where a part of the folder lies on a volume of its own. Makes and changes nothing.
    package func checkIsOneVolume() throws(BlobStoreError) { try tree.checkIsOneVolume() }

    package func stage() throws(BlobStoreError) -> any StagedBlob {
        try tree.room?.check(for: 0)
        return try FileStagedBlob(in: tree, reads: reads)
    }

    package func open(_ place: BlobPlace) throws(BlobStoreError) -> any StoredBlob {
        try FileStoredBlob(try tree.name(of: place), in: tree, reads: reads)
    }

    package func delete(_ place: BlobPlace) throws(BlobStoreError) {
        do {
            try Disk.remove(try tree.name(of: place), in: tree)
        } catch .missing {
            // What is gone need not be removed.
        }
    }

    package func quarantine(_ blob: QuarantinedBlob) throws(BlobStoreError) {
        try move(try tree.name(of: blob.place), to: try tree.name(of: blob))
    }

    package func release(_ blob: QuarantinedBlob) throws(BlobStoreError) {
        try move(try tree.name(of: blob), to: try tree.name(of: blob.place))
    }

    private func move(_ old: String, to new: String) throws(BlobStoreError) {
        guard try Disk.exists(old, in: tree) else { throw .missing }
        let folder = try tree.prepare(new)
        try Disk.rename(old, to: new, in: tree)
        try Disk.syncFolder(folder, in: tree)
    }

    package func open(_ blob: QuarantinedBlob) throws(BlobStoreError) -> any StoredBlob {
        try FileStoredBlob(try tree.name(of: blob), in: tree, reads: reads)
    }

    package func delete(_ blob: QuarantinedBlob) throws(BlobStoreError) {
        do {
            try Disk.remove(try tree.name(of: blob), in: tree)
        } catch .missing {
            // What is gone need not be removed.
        }
    }

    package func quarantineShelves() throws(BlobStoreError) -> [BlobShelf] { try tree.quarantineShelves() }

    package func shelves() throws(BlobStoreError) -> [BlobShelf] { try tree.shelves() }

    package func contents(of shelf: BlobShelf) throws(BlobStoreError) -> [BlobEntry] {
        try tree.contents(of: shelf)
    }

    package func openStaged(_ name: String) throws(BlobStoreError) -> any StoredBlob {
        try FileStoredBlob(try tree.stagingName(name), in: tree, reads: reads)
    }

    package func discardStaged(_ name: String) throws(BlobStoreError) {
        do {
            try Disk.remove(try tree.stagingName(name), in: tree)
        } catch .missing {
            // What is gone need not be removed.
        }
    }

    package func clearStaging(keeping names: Set<String>) throws(BlobStoreError) -> Int {
        try tree.clearStaging(keeping: names)
    }

    /// Ends the threads that wait for the disk. Reads that need one fail from here on.
    package func shutdown() async {
        await reads.shutdown()
    }
}

/// A committed blob: its file, open for as long as somebody holds this.
final class FileStoredBlob: StoredBlob {
    private let file: BlobFile
    let size: Int64

    init(_ name: String, in tree: BlobTree, reads: FileReads) throws(BlobStoreError) {
        file = BlobFile(try Disk.openForReading(name, in: tree), name: name, reads: reads)
        size = try Disk.size(of: file.descriptor, name)
    }

    var fileDescriptor: Int32? { file.descriptor }

    func read(at offset: Int64, count: Int) async throws(BlobStoreError) -> ByteBuffer {
        try await file.read(at: offset, count: count, end: size)
    }
}
