import Synchronization
import WeirCore

/// The names below the store's folder, and which of the folders are known to be on disk.
final class BlobTree: Sendable {
    static let staging = "staging"
    static let blobs = "blobs"
    private static let quarantine = "lost"

    /// The store's folder, without a slash at its end. Only `path` adds it: names in errors are relative.
    private let folder: String
    /// Folders whose entry in their parent is on disk, as this process has seen to.
    private let durable = Mutex<Set<String>>([])
    /// How much room there is for blobs; nil where nobody counts it.
    let room: VolumeRoom?
    /// The name of the folder that marks the store, once it has been set (`StoreMarkFolder`).
    let mark = Mutex<String?>(nil)

    /// Makes nothing yet.
    init(lookingAt folder: String, room: VolumeRoom? = nil) {
        self.room = room
        self.folder = folder.count > 1 && folder.hasSuffix("/") ? String(folder.dropLast()) : folder
    }

    convenience init(_ folder: String) throws(BlobStoreError) {
        self.init(lookingAt: folder)
        try make()
    }

    func make() throws(BlobStoreError) {
        if try Disk.makeFolder("", in: self) { try Disk.syncFolder("..", in: self) }
        try Disk.makeFolder(Self.blobs, in: self)
        try Disk.makeFolder(Self.quarantine, in: self)
        try Disk.makeFolder(Self.staging, in: self)
        try Disk.syncFolder("", in: self)
    }

    /// Refuses folders that are mounts of their own: content is moved from one to the other. Leaves everything as it was.
    func checkIsOneVolume() throws(BlobStoreError) {
        for part in [Self.blobs, Self.quarantine, Self.staging] where try Disk.exists(part, in: self) {
            let name = RandomID.uuid()
            guard Disk.canMove(".\(name)", to: "\(part)/.\(name)", in: self) else {
                throw .unavailable(
                    "its '\(part)' lies on a volume of its own, and content is moved from one part to the other. Mount the whole folder"
                )
            }
        }
    }

    /// The path for the kernel. `name` comes from here, from a digest and a checked scope: never from a request.
    func path(_ name: String) -> String { name.isEmpty ? folder : folder + "/" + name }

    /// `blobs/aes256-0123456789abcdef/sha256/ab/abcd…`
    func name(of place: BlobPlace) throws(BlobStoreError) -> String { try "\(Self.blobs)/\(relativeName(of: place))" }

    /// `lost/aes256-0123456789abcdef/sha256/ab/abcd….0123456789abcdef`
    func name(of blob: QuarantinedBlob) throws(BlobStoreError) -> String {
        guard Self.isNumber(blob.number) else {
            throw .failed("'\(blob.number.prefix(80))' is not the number of a blob in quarantine")
        }
        return try "\(Self.quarantine)/\(relativeName(of: blob.place)).\(blob.number)"
    }

    private static func isNumber(_ text: String) -> Bool {
        text.utf8.count == 16 && text.utf8.allSatisfy { ($0 >= 0x30 && $0 <= 0x39) || ($0 >= 0x61 && $0 <= 0x66) }
    }

    private func relativeName(of place: BlobPlace) throws(BlobStoreError) -> String {
        let scope = place.scope.utf8
        guard (1...64).contains(scope.count), scope.allSatisfy(Self.isScopeByte) else {
            throw .failed("the scope '\(place.scope.prefix(80))' is not 1 to 64 of the characters a-z, 0-9 and -")
        }
        let digest = place.digest
        return "\(place.scope)/\(digest.algorithm.rawValue)/\(digest.hex.prefix(2))/\(digest.hex)"
    }

    /// The blob that a name stands for, or nil for a name that this type would not have given.
    private func place(of name: String) -> BlobPlace? {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 5, let digest = try? Digest("\(parts[2]):\(parts[4])") else { return nil }
        let place = BlobPlace(scope: String(parts[1]), digest: digest)
        return (try? self.name(of: place)) == name ? place : nil
    }

    /// The blob in quarantine that a name stands for, or nil for a name that this type would not have given.
    private func quarantined(_ name: String) -> QuarantinedBlob? {
        guard name.hasPrefix(Self.quarantine + "/"), let dot = name.lastIndex(of: ".") else { return nil }
        let lay = Self.blobs + name[..<dot].dropFirst(Self.quarantine.count)
        guard let place = place(of: lay) else { return nil }
        let blob = QuarantinedBlob(place: place, number: String(name[name.index(after: dot)...]))
        return (try? self.name(of: blob)) == name ? blob : nil
    }

    /// Every folder below `blobs`, and itself: where blobs lie and where none should.
    func shelves() throws(BlobStoreError) -> [BlobShelf] { try shelves(below: Self.blobs) }

    /// The same of what is in quarantine; none where nothing ever was.
    func quarantineShelves() throws(BlobStoreError) -> [BlobShelf] { try shelves(below: Self.quarantine) }

    private func shelves(below top: String) throws(BlobStoreError) -> [BlobShelf] {
        var found: [BlobShelf] = []
        var level = [top]
        while let folder = level.popLast() {
            found.append(BlobShelf(folder))
            do {
                level += try Disk.folders(in: folder, in: self).filter { !Self.isMark($0) }.map { "\(folder)/\($0)" }
            } catch .missing {
                // Gone since its parent was read.
            }
        }
        return found
    }

    func contents(of shelf: BlobShelf) throws(BlobStoreError) -> [BlobEntry] {
        var entries: [BlobEntry] = []
        do {
            for file in try Disk.files(in: shelf.name, in: self) {
                let name = "\(shelf.name)/\(file)"
                do {
                    let (size, changedAt) = try Disk.facts(of: name, in: self)
                    entries.append(
                        BlobEntry(
                            name: name, place: place(of: name), quarantined: quarantined(name), size: size, changedAt: changedAt))
                } catch .missing {
                    // Deleted since the folder was read.
                }
            }
        } catch .missing {
            // The folder is gone, and what was in it.
        }
        return entries
    }

    /// A new name in `staging`.
    func stagingName() -> String {
        var random = SystemRandomNumberGenerator()
        return Self.staging + "/" + Hex.encode((0..<16).map { _ in UInt8.random(in: 0...255, using: &random) })
    }

    /// A name in `staging` that somebody kept. Nothing but what `stagingName()` makes gets into a path.
    func stagingName(_ name: String) throws(BlobStoreError) -> String {
        guard name.utf8.count == 32, name.utf8.allSatisfy({ ($0 >= 0x30 && $0 <= 0x39) || ($0 >= 0x61 && $0 <= 0x66) }) else {
            throw .failed("'\(name.prefix(80))' is not the name of a staged blob")
        }
        return Self.staging + "/" + name
    }

    /// Makes the folders on the way to `name` and sees to it that they survive a power cut; returns the last of them.
    ///
    /// Also a folder that is there already is synced before it is first relied upon: whoever made it, another thread a moment
    /// ago or a process that crashed, may not have come so far.
    func prepare(_ name: String) throws(BlobStoreError) -> String {
        let parts = name.split(separator: "/").dropLast()
        var parent = String(parts.first ?? "")
        for part in parts.dropFirst() {
            let child = "\(parent)/\(part)"
            if !durable.withLock({ $0.contains(child) }) {
                try checkMark()
                try Disk.makeFolder(child, in: self)
                try Disk.syncFolder(parent, in: self)
                _ = durable.withLock { $0.insert(child) }
            }
            parent = child
        }
        return parent
    }

    /// Removes every file in `staging` but `kept`; tells how many.
    func clearStaging(keeping kept: Set<String>) throws(BlobStoreError) -> Int {
        var removed = 0
        for file in try Disk.files(in: Self.staging, in: self) where !kept.contains(file) {
            do {
                try Disk.remove("\(Self.staging)/\(file)", in: self)
                removed += 1
            } catch .missing {
                // Somebody was quicker.
            }
        }
        return removed
    }

    private static func isScopeByte(_ byte: UInt8) -> Bool {
        (byte >= 0x61 && byte <= 0x7a) || (byte >= 0x30 && byte <= 0x39) || byte == 0x2d
    }
}
