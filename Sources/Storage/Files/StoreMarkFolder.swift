import Synchronization
package import WeirCore

// The store's mark is the name of an empty folder, `blobs/.weir-<id>.<count>`. Renaming it is atomic, needs no room on a full
// disk and leaves no half-written file; every tool that copies the store copies it too.

extension FileBlobStore: MarkedStore {
    package func mark() throws(BlobStoreError) -> StoreMark? { try tree.marks().max { $0.count < $1.count } }

    package func setMark(_ mark: StoreMark) throws(BlobStoreError) { try tree.setMark(mark) }

    package func holdsBlobs() throws(BlobStoreError) -> Bool {
        do {
            for directory in try tree.directories() where try tree.contents(of: directory).contains(where: { $0.location != nil })
            {
                return true
            }
        } catch .missing {
            // Without `blobs` there are no blobs.
        }
        return false
    }
}

extension BlobTree {
    private static let markPrefix = ".weir-"

    static func isMark(_ folder: String) -> Bool { folder.hasPrefix(markPrefix) }

    /// Several marks of one store are normal: copies that were merged leave them. Throws for marks of different stores.
    func marks() throws(BlobStoreError) -> [StoreMark] {
        var marks: [StoreMark] = []
        do {
            for folder in try Disk.folders(in: Self.blobs, in: self) where Self.isMark(folder) {
                if let mark = StoreMark(String(folder.dropFirst(Self.markPrefix.count))) { marks.append(mark) }
            }
        } catch .missing {
            return []
        }
        guard Set(marks.map(\.id)).count < 2 else {
            throw .unavailable(
                "\(Self.blobs) holds what belongs to several servers: \(marks.map(\.description).joined(separator: ", "))")
        }
        return marks
    }

    func setMark(_ new: StoreMark) throws(BlobStoreError) {
        let others = try marks().filter { $0 != new }
        let name = Self.name(of: new)
        try mark.withLock { (known: inout String?) throws(BlobStoreError) in
            if let old = others.max(by: { $0.count < $1.count }), old.id == new.id, old.count < new.count {
                try Disk.rename(Self.name(of: old), to: name, in: self)
            } else {
                if try Disk.makeFolder(Self.blobs, in: self) { try Disk.syncFolder("", in: self) }
                try Disk.makeFolder(name, in: self)
            }
            try Disk.syncFolder(Self.blobs, in: self)
            known = name
        }
    }

    /// Throws if the store's mark is gone, as below an unmounted mount point: blobs written there would be hidden by the next
    /// mount.
    func checkMark() throws(BlobStoreError) {
        try mark.withLock { (known: inout String?) throws(BlobStoreError) in
            guard let known else { return }
            guard try Disk.exists(known, in: self) else {
                throw .unavailable("\(Self.blobs) is not the folder that was there at the start: is its volume mounted?")
            }
        }
    }

    private static func name(of mark: StoreMark) -> String { "\(blobs)/\(markPrefix)\(mark)" }
}
