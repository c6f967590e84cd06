// The tree on the disk:
//
//     FOLDER/                                 0700, as every folder in it
//       blobs/
//         .weir-<id>.<count>/                 says which store this is (StoreMarkFolder)
//         <scope>/                            the key that seals what is below: aes256-…, kms-…, plain-…
//           <algorithm>/                      sha256, sha512
//             <2 hex>/                        the digest's first two digits: 256 folders, so that none grows huge
//               <hex>                         0600: one blob, whole, on disk, never written again
//       lost/                               quarantine: blobs taken out of their place that may still be needed
//         <scope>/<algorithm>/<2 hex>/
//           <hex>.<16 hex>                    the file from its place; the number tells several of one place apart
//       staging/
//         <random>                            0600: a blob being written; a crash's leftovers are removed at the next start
//
// The reasons:
// - A blob is visible only under its own name, and gets that name by rename(2), which is atomic. So a reader never sees half a
//   blob, and nothing needs repair after a crash.
// - Acknowledged means on disk: fsync(file) → rename → fsync(its folder). Without the first fsync the name could survive a power
//   cut without the bytes; without the last, the bytes without the name. A new folder is itself a name in its parent, so its
//   first user syncs the parent too (`BlobTree.prepare`).
// - `staging` lies in the same tree, because rename does not cross file systems. O_TMPFILE would leave nothing behind after a
//   crash, but cannot replace an older copy: linkat(2) refuses a name that exists.
// - Quarantine and release are renames too: a blob that was quarantined by mistake is never copied and never partial.
// - Deletes are not synced: a blob that reappears after a crash has no row, and the garbage collection finds it.
// - Paths are built from checked values only: a digest is hexadecimal by its type, and the scope is checked here.

import NIOCore
package import WeirCore

/// Blobs as files below one folder, as drawn above.
///
/// One process owns the folder: `clearStaging` would remove another process's staged blobs.
package final class FileBlobStore: BlobStore {
    let tree: BlobTree
    private let reads: FileReads

    /// Creates the folder and the three in it if they are missing; the folder's parent must exist. Blocks: call it at the start.
    package init(folder: String) throws(BlobStoreError) {
        tree = try BlobTree(folder)
        reads = FileReads()
    }

    /// Creates nothing, so that the store's mark can be read before the store is used. Call `make` before the first blob.
    ///
    /// - Parameter room: checked before every write; nil for unlimited.
    package init(lookingAt folder: String, room: VolumeRoom? = nil) {
        tree = BlobTree(lookingAt: folder, room: room)
        reads = FileReads()
    }

    /// Creates the missing folders. Blocks.
    package func make() throws(BlobStoreError) { try tree.make() }

    /// Throws `.unavailable` if a part of the folder is a volume of its own. Changes nothing.
    package func checkIsOneVolume() throws(BlobStoreError) { try tree.checkIsOneVolume() }

    package func stage() throws(BlobStoreError) -> any StagedBlob {
        try tree.room?.check(for: 0)
        return try FileStagedBlob(in: tree, reads: reads)
    }

    package func open(_ location: BlobLocation) throws(BlobStoreError) -> any StoredBlob {
        try FileStoredBlob(try tree.name(of: location), in: tree, reads: reads)
    }

    package func delete(_ location: BlobLocation) throws(BlobStoreError) {
        do {
            try Disk.remove(try tree.name(of: location), in: tree)
        } catch .missing {
            // Already gone.
        }
    }

    package func quarantine(_ blob: QuarantinedBlob) throws(BlobStoreError) {
        try move(try tree.name(of: blob.location), to: try tree.name(of: blob))
    }

    package func release(_ blob: QuarantinedBlob) throws(BlobStoreError) {
        try move(try tree.name(of: blob), to: try tree.name(of: blob.location))
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
            // Already gone.
        }
    }

    package func quarantineDirectories() throws(BlobStoreError) -> [BlobDirectory] { try tree.quarantineDirectories() }

    package func directories() throws(BlobStoreError) -> [BlobDirectory] { try tree.directories() }

    package func contents(of directory: BlobDirectory) throws(BlobStoreError) -> [BlobEntry] {
        try tree.contents(of: directory)
    }

    package func openStaged(_ name: String) throws(BlobStoreError) -> any StoredBlob {
        try FileStoredBlob(try tree.stagingName(name), in: tree, reads: reads)
    }

    package func discardStaged(_ name: String) throws(BlobStoreError) {
        do {
            try Disk.remove(try tree.stagingName(name), in: tree)
        } catch .missing {
            // Already gone.
        }
    }

    package func clearStaging(keeping names: Set<String>) throws(BlobStoreError) -> Int {
        try tree.clearStaging(keeping: names)
    }

    /// Stops the threads that wait for the disk. A read that needs one then fails with `.closed`.
    package func shutdown() async {
        await reads.shutdown()
    }
}

/// A committed blob. Its file stays open while this object lives.
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
