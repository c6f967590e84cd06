import CPlatform
import Glibc
import NIOCore
import WeirCore

/// The kernel's file calls. Failures are `BlobStoreError`s. All of them block.
enum Disk {
    static func openForReading(_ name: String, in tree: BlobTree) throws(BlobStoreError) -> Int32 {
        try check("open", name) { weir_open(tree.path(name), O_RDONLY | O_CLOEXEC | O_NOFOLLOW, 0) }
    }

    /// Creates a file; fails if the name is taken.
    static func create(_ name: String, in tree: BlobTree) throws(BlobStoreError) -> Int32 {
        try check("open", name) {
            weir_open(tree.path(name), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        }
    }

    /// The size of a regular file; anything else under a blob's name is damage.
    static func size(of descriptor: Int32, _ name: String) throws(BlobStoreError) -> Int64 {
        var status = stat()
        _ = try check("fstat", name) { fstat(descriptor, &status) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .damaged("\(name) is not a file") }
        return Int64(status.st_size)
    }

    /// Creates a folder unless it exists; returns true if it did.
    @discardableResult
    static func makeFolder(_ name: String, in tree: BlobTree) throws(BlobStoreError) -> Bool {
        guard mkdir(tree.path(name), 0o700) != 0 else { return true }
        let code = errno
        switch code {
        case EEXIST: return false
        case ENOENT: throw .unavailable("mkdir \(name.isEmpty ? tree.path(name) : name): the folder it belongs in is not there")
        default: throw BlobStoreError("mkdir", name, code)
        }
    }

    static func remove(_ name: String, in tree: BlobTree) throws(BlobStoreError) {
        _ = try check("unlink", name) { unlink(tree.path(name)) }
    }

    static func rename(_ old: String, to new: String, in tree: BlobTree) throws(BlobStoreError) {
        guard Glibc.rename(tree.path(old), tree.path(new)) == 0 else {
            let code = errno
            // Not `.missing`, which means a blob that was never stored.
            throw code == ENOENT
                ? .unavailable("rename to \(new): the file or its folder is gone") : BlobStoreError("rename", new, code)
        }
    }

    /// Whether a file of one folder can be renamed into another: not across file systems or mounts. Tried with a folder that is
    /// removed again. If it cannot be tried, as on a full volume, the answer is yes.
    static func canMove(_ old: String, to new: String, in tree: BlobTree) -> Bool {
        guard mkdir(tree.path(old), 0o700) == 0 else { return true }
        guard Glibc.rename(tree.path(old), tree.path(new)) == 0 else {
            let code = errno
            rmdir(tree.path(old))
            return code != EXDEV
        }
        rmdir(tree.path(new))
        return true
    }

    /// True if the name exists. Throws if that cannot be determined.
    static func exists(_ name: String, in tree: BlobTree) throws(BlobStoreError) -> Bool {
        var status = stat()
        do {
            _ = try check("lstat", name) { lstat(tree.path(name), &status) }
            return true
        } catch .missing {
            return false
        }
    }

    static func sync(_ descriptor: Int32, _ name: String) throws(BlobStoreError) {
        _ = try check("fsync", name) { fsync(descriptor) }
    }

    /// Makes a folder's entries durable.
    static func syncFolder(_ name: String, in tree: BlobTree) throws(BlobStoreError) {
        let descriptor = try check("open", name) {
            Glibc.open(tree.path(name), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        }
        defer { close(descriptor) }
        try sync(descriptor, name)
    }

    /// The names of a folder's entries, without folders.
    static func files(in name: String, in tree: BlobTree) throws(BlobStoreError) -> [String] {
        try names(in: name, in: tree) { $0 != UInt8(DT_DIR) }
    }

    /// The names of the folders in a folder.
    static func folders(in name: String, in tree: BlobTree) throws(BlobStoreError) -> [String] {
        try names(in: name, in: tree) { $0 == UInt8(DT_DIR) }
    }

    private static func names(
        in name: String, in tree: BlobTree, _ isWanted: (UInt8) -> Bool
    ) throws(BlobStoreError) -> [String] {
        guard let folder = opendir(tree.path(name)) else { throw BlobStoreError("opendir", name, errno) }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let child = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard child != ".", child != ".." else { continue }
            var type = entry.pointee.d_type
            // Some file systems do not report the type in the directory.
            if type == UInt8(DT_UNKNOWN) { type = UInt8(DT_DIR) * (isFolder("\(name)/\(child)", in: tree) ? 1 : 0) }
            if isWanted(type) { names.append(child) }
        }
        return names
    }

    private static func isFolder(_ name: String, in tree: BlobTree) -> Bool {
        var status = stat()
        return lstat(tree.path(name), &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// The file's size, and the time of its last change of any kind. Does not follow links.
    static func facts(of name: String, in tree: BlobTree) throws(BlobStoreError) -> (size: Int64, changedAt: Timestamp) {
        var status = stat()
        _ = try check("lstat", name) { lstat(tree.path(name), &status) }
        func moment(_ time: timespec) -> Timestamp {
            // The time comes from the disk and may be any number.
            let (seconds, nanoseconds) = (Int64(time.tv_sec), Int64(time.tv_nsec))
            let limit = Int64.max / 1_000_000 - 1
            return Timestamp(microseconds: min(max(seconds, -limit), limit) * 1_000_000 + nanoseconds / 1_000)
        }
        return (Int64(status.st_size), max(moment(status.st_mtim), moment(status.st_ctim)))
    }

    /// Writes all bytes at `offset`.
    static func write(
        _ bytes: ByteBuffer, to descriptor: Int32, at offset: Int64, _ name: String
    ) throws(BlobStoreError) {
        try bytes.withUnsafeReadableBytes { (memory: UnsafeRawBufferPointer) throws(BlobStoreError) in
            var done = 0
            while done < memory.count {
                let rest = UnsafeRawBufferPointer(rebasing: memory[done...])
                done += try check("write", name) {
                    pwrite(descriptor, rest.baseAddress, rest.count, off_t(offset) + off_t(done))
                }
            }
        }
    }

    /// Repeats a call until no signal interrupts it.
    @inline(__always)
    static func check<Number: SignedInteger>(
        _ call: String, _ name: String, _ body: () -> Number
    ) throws(BlobStoreError) -> Number {
        while true {
            let result = body()
            if result >= 0 { return result }
            let code = errno
            if code != EINTR { throw BlobStoreError(call, name, code) }
        }
    }
}

extension BlobStoreError {
    /// The error of a failed call. `name` is relative to the store's folder, so safe to show.
    init(_ call: String, _ name: String, _ code: Int32) {
        let reason = "\(call) \(name.isEmpty ? "." : name): \(String(cString: strerror(code)))"
        switch code {
        case ENOENT: self = .missing
        case ENOSPC: self = .full("no space is left for blobs (\(reason)); free some or give the volume more")
        case EDQUOT: self = .full("the disk quota for blobs is used up (\(reason)); raise it or free some space")
        case EFBIG: self = .full("the blob is larger than a file may be here (\(reason)); see the limit of file sizes")
        case EMFILE, ENFILE: self = .tooManyFiles("too many files are open (\(reason)); raise the limit of open files")
        // A link, or a file in place of a folder: this program did not put it there.
        case ELOOP, ENOTDIR, EISDIR: self = .damaged(reason)
        default: self = .unavailable(reason)
        }
    }
}
