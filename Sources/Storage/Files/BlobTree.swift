import Synchronization
import WeirCore
import WeirText

/// File names below the store's folder, and which folders are known to be on disk.
final class BlobTree: Sendable {
    static let staging = "staging"
    static let blobs = "blobs"
    private static let quarantine = "lost"

    /// The store's folder, without a slash at its end. Only `path` adds it, so names in errors are relative.
    private let folder: String
    /// Folders whose entry in their parent this process has synced.
    private let durable = Mutex<Set<String>>([])
    /// The free room for blobs; nil if it is not tracked.
    let room: VolumeRoom?
    /// The name of the folder that marks the store, once it has been set (`StoreMarkFolder`).
    let mark = Mutex<String?>(nil)

    /// Creates nothing.
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

    /// Throws if a part of the store is a mount of its own: blobs are renamed from one part to another. Changes nothing.
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

    /// The kernel's path. `name` is made here, from a digest and a checked scope, never from a request.
    func path(_ name: String) -> String { name.isEmpty ? folder : folder + "/" + name }

    /// `blobs/aes256-0123456789abcdef/sha256/ab/abcd…`
    func name(of location: BlobLocation) throws(BlobStoreError) -> String { try "\(Self.blobs)/\(relativeName(of: location))" }

    /// `lost/aes256-0123456789abcdef/sha256/ab/abcd….0123456789abcdef`
    func name(of blob: QuarantinedBlob) throws(BlobStoreError) -> String {
        guard Self.isNumber(blob.number) else {
            throw .failed("'\(blob.number.prefix(80))' is not the number of a blob in quarantine")
        }
        return try "\(Self.quarantine)/\(relativeName(of: blob.location)).\(blob.number)"
    }

    private static func isNumber(_ text: String) -> Bool {
        text.utf8.count == 16 && text.utf8.allSatisfy { ($0 >= 0x30 && $0 <= 0x39) || ($0 >= 0x61 && $0 <= 0x66) }
    }

    private func relativeName(of location: BlobLocation) throws(BlobStoreError) -> String {
        let scope = location.scope.utf8
        guard (1...64).contains(scope.count), scope.allSatisfy(Self.isScopeByte) else {
            throw .failed("the scope '\(location.scope.prefix(80))' is not 1 to 64 of the characters a-z, 0-9 and -")
        }
        let digest = location.digest
        return "\(location.scope)/\(digest.algorithm.rawValue)/\(digest.hex.prefix(2))/\(digest.hex)"
    }

    /// The blob of a file name; nil for a name that this type does not make.
    private func location(of name: String) -> BlobLocation? {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 5, let digest = try? Digest("\(parts[2]):\(parts[4])") else { return nil }
        let location = BlobLocation(scope: String(parts[1]), digest: digest)
        return (try? self.name(of: location)) == name ? location : nil
    }

    /// The quarantined blob of a file name; nil for a name that this type does not make.
    private func quarantined(_ name: String) -> QuarantinedBlob? {
        guard name.hasPrefix(Self.quarantine + "/"), let dot = name.lastIndex(of: ".") else { return nil }
        let lay = Self.blobs + name[..<dot].dropFirst(Self.quarantine.count)
        guard let location = location(of: lay) else { return nil }
        let blob = QuarantinedBlob(location: location, number: String(name[name.index(after: dot)...]))
        return (try? self.name(of: blob)) == name ? blob : nil
    }

    /// `blobs` and every folder below it, with or without blobs; the mark's folder is left out.
    func directories() throws(BlobStoreError) -> [BlobDirectory] { try directories(below: Self.blobs) }

    /// The same for the quarantine; none if nothing was ever quarantined.
    func quarantineDirectories() throws(BlobStoreError) -> [BlobDirectory] { try directories(below: Self.quarantine) }

    private func directories(below top: String) throws(BlobStoreError) -> [BlobDirectory] {
        var found: [BlobDirectory] = []
        var level = [top]
        while let folder = level.popLast() {
            found.append(BlobDirectory(folder))
            do {
                level += try Disk.folders(in: folder, in: self).filter { !Self.isMark($0) }.map { "\(folder)/\($0)" }
            } catch .missing {
                // Deleted since its parent was read.
            }
        }
        return found
    }

    func contents(of directory: BlobDirectory) throws(BlobStoreError) -> [BlobEntry] {
        var entries: [BlobEntry] = []
        do {
            for file in try Disk.files(in: directory.name, in: self) {
                let name = "\(directory.name)/\(file)"
                do {
                    let (size, changedAt) = try Disk.facts(of: name, in: self)
                    entries.append(
                        BlobEntry(
                            name: name, location: location(of: name), quarantined: quarantined(name), size: size,
                            changedAt: changedAt))
                } catch .missing {
                    // Deleted since the folder was read.
                }
            }
        } catch .missing {
            // The folder was deleted.
        }
        return entries
    }

    /// A new name in `staging`.
    func stagingName() -> String {
        var random = SystemRandomNumberGenerator()
        return Self.staging + "/" + Hex.encode((0..<16).map { _ in UInt8.random(in: 0...255, using: &random) })
    }

    /// The path of a staged blob whose name a caller kept. Only a name of the form of `stagingName()` gets into a path.
    func stagingName(_ name: String) throws(BlobStoreError) -> String {
        guard name.utf8.count == 32, name.utf8.allSatisfy({ ($0 >= 0x30 && $0 <= 0x39) || ($0 >= 0x61 && $0 <= 0x66) }) else {
            throw .failed("'\(name.prefix(80))' is not the name of a staged blob")
        }
        return Self.staging + "/" + name
    }

    /// Makes the folders of `name` durable, and creates those that are missing; returns the last one.
    ///
    /// An existing folder is synced too before it is first relied upon: its creator, another thread or a process that crashed,
    /// may not have synced it yet.
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

    /// Removes every file in `staging` except `kept`; returns how many.
    func clearStaging(keeping kept: Set<String>) throws(BlobStoreError) -> Int {
        var removed = 0
        for file in try Disk.files(in: Self.staging, in: self) where !kept.contains(file) {
            do {
                try Disk.remove("\(Self.staging)/\(file)", in: self)
                removed += 1
            } catch .missing {
                // Deleted since the folder was read.
            }
        }
        return removed
    }

    private static func isScopeByte(_ byte: UInt8) -> Bool {
        (byte >= 0x61 && byte <= 0x7a) || (byte >= 0x30 && byte <= 0x39) || byte == 0x2d
    }
}
