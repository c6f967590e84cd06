import CoreFoundation
import Crypto
import Foundation
import Glibc
import WeirCore
import WeirSettings
import WeirText
import WeirVault

/// The data folder. No other type knows its layout.
///
/// ```
/// weir-data/                 0700
///   lock                     locked by the running server: a second one would clear its staging
///   root.key                 0600, 64 hexadecimal digits: wraps every other key. Without it nothing sealed can be opened. Not there when
///                            WEIR_ROOT_KEY or WEIR_ROOT_KEY_FILE gives it
///   credentials              0600, AWS shared-credentials format: the root access key. Not there when the environment gives it
///   weir.db (-wal, -shm)     rows: names, settings, sealed manifests, sealed secrets and keys
///   blobs/  lost/  staging/  sealed content (FileBlobStore)
///   ballast                  room that is given up when even rows find none (VolumeRoom)
///   tls/                     ca.crt, authority.key, server.crt, server.key, where --tls-self-signed made them
/// ```
///
/// A file that exists and cannot be read never counts as missing: a new root key is made only in an empty folder.
struct DataFolder {
    let path: String
    /// An open, locked descriptor, for the life of the program.
    private let lock: Int32

    /// Creates the folder if it is missing, and locks it.
    init(_ path: String) throws(StartProblem) {
        self.path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        guard mkdir(self.path, 0o700) == 0 || errno == EEXIST else {
            throw StartProblem("the data folder '\(path)' cannot be made: \(String(cString: strerror(errno)))")
        }
        lock = Glibc.open("\(self.path)/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard lock >= 0 else {
            throw StartProblem("the data folder '\(path)' cannot be written: \(String(cString: strerror(errno)))")
        }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            throw errno == EWOULDBLOCK
                ? StartProblem("the data folder '\(path)' is in use by another server")
                : StartProblem("the data folder '\(path)' cannot be locked: \(String(cString: strerror(errno)))")
        }
    }

    var database: String { "\(path)/weir.db" }
    var credentials: String { "\(path)/credentials" }
    var rootKey: String { "\(path)/root.key" }
    var blobs: String { "\(path)/blobs" }
    func tls(_ name: String) -> String { "\(path)/tls/\(name)" }

    /// True if there is no database, or one of 0 bytes, as a failed restore leaves it.
    ///
    /// Throws if only the database's log exists: a new database would adopt that log.
    func lacksDatabase() throws(StartProblem) -> Bool {
        if let status = try StartFile.status(of: database), status.st_size > 0 { return false }
        if let log = try StartFile.status(of: database + "-wal"), log.st_size > 0 {
            throw StartProblem(
                "'\(database)' is missing or empty, and its log '\(database)-wal' is there. Restore weir.db from its backup; where the log is of an older one that is lost, move it away first"
            )
        }
        return true
    }

    /// Names what lies in a folder that is no longer new, for a message; nil if the folder is new.
    func traces(holdingBlobs: Bool) throws(StartProblem) -> String? {
        var names: [String] = []
        if try !lacksDatabase() { names.append("weir.db") }
        if try StartFile.exists(credentials) { names.append("credentials") }
        if holdingBlobs { names.append("blobs/") }
        return names.isEmpty ? nil : names.joined(separator: ", ")
    }

    /// The root key from `file`, or from the folder's own file; created only in a new folder.
    func rootKey(from file: String?, holdingBlobs: Bool) throws -> RootKey {
        let path = file ?? rootKey
        if let text = try StartFile.text(of: path) {
            guard let bytes = Hex.decode(text.trimmingCharacters(in: .whitespacesAndNewlines)), bytes.count == RootKey.size else {
                throw StartProblem("'\(path)' is not a root key: 64 hexadecimal digits. Restore it from a backup")
            }
            return try RootKey(bytes: bytes)
        }
        if file != nil { throw StartProblem("the root key's file '\(path)' is not there: WEIR_ROOT_KEY_FILE names it") }
        if let traces = try traces(holdingBlobs: holdingBlobs) {
            throw StartProblem(
                "'\(path)' is missing, and what lies in the folder is sealed with it (\(traces)). Restore the file, or set WEIR_ROOT_KEY or WEIR_ROOT_KEY_FILE"
            )
        }
        let bytes = RootKey.newBytes()
        try write(Hex.encode(bytes) + "\n", to: path)
        return try RootKey(bytes: bytes)
    }

    /// Writes a file that only its owner may read, completely and durably or not at all. Throws if the file exists, unless
    /// `isReplacing`.
    func write(_ text: String, to file: String, isReplacing: Bool = false) throws(StartProblem) {
        let staged = file + ".new"
        do throws(Failure) {
            // A crash's leftover: the folder is locked, so no other process writes here.
            if unlink(staged) != 0, errno != ENOENT { throw Failure(errno) }
            let descriptor = Glibc.open(staged, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
            guard descriptor >= 0 else { throw Failure(errno) }
            defer { unlink(staged) }
            try Self.fill(descriptor, with: Array(text.utf8))
            if isReplacing {
                guard rename(staged, file) == 0 else { throw Failure(errno) }
            } else {
                try Self.place(staged, as: file)
            }
            try Self.syncFolder(of: file)
        } catch {
            let reason =
                error.code == EEXIST
                ? "a file of that name has appeared; it stays as it is" : String(cString: strerror(error.code))
            throw StartProblem("'\(file)' cannot be written: \(reason)")
        }
    }

    private struct Failure: Error {
        let code: Int32
        init(_ code: Int32) { self.code = code }
    }

    /// Writes everything, syncs and closes.
    private static func fill(_ descriptor: Int32, with bytes: [UInt8]) throws(Failure) {
        var code: Int32 = 0
        var done = 0
        while done < bytes.count, code == 0 {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress.map { $0 + done }, bytes.count - done) }
            if count > 0 { done += count } else if count == 0 { code = ENOSPC } else if errno != EINTR { code = errno }
        }
        if code == 0, fsync(descriptor) != 0 { code = errno }
        if close(descriptor) != 0, code == 0 { code = errno }
        guard code == 0 else { throw Failure(code) }
    }

    /// Names the file unless the name is taken. On file systems without hard links the check is not atomic; the folder's lock
    /// must do.
    private static func place(_ staged: String, as file: String) throws(Failure) {
        if link(staged, file) == 0 { return }
        let code = errno
        guard [EPERM, EOPNOTSUPP, ENOSYS, EMLINK].contains(code) else { throw Failure(code) }
        var status = stat()
        guard lstat(file, &status) != 0 else { throw Failure(EEXIST) }
        guard errno == ENOENT, rename(staged, file) == 0 else { throw Failure(errno) }
    }

    private static func syncFolder(of file: String) throws(Failure) {
        let folder = file.lastIndex(of: "/").map { String(file[..<$0]) } ?? "."
        let descriptor = Glibc.open(folder.isEmpty ? "/" : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Failure(errno) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw Failure(errno) }
    }
}
