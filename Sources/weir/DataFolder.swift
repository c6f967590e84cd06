import Crypto
import Foundation
import Glibc
import WeirCore
import WeirVault

/// The folder that keeps everything, and the only place that knows what lies where in it.
///
/// ```
/// weir-data/                 0700
///   lock                     held by the running server: two on one folder would clear each other's staging
///   root.key                 0600, 64 hexadecimal digits: wraps every other key. Lose it and everything sealed is gone. Not there when
///                            WEIR_ROOT_KEY gives it
///   credentials              0600, AWS shared-credentials format: the root access key. Not there when the environment gives it
///   weir.db (-wal, -shm)     rows: names, settings, sealed manifests, sealed secrets and keys
///   blobs/  staging/         sealed content (FileBlobStore)
///   tls/                     ca.crt, server.crt, server.key, where --tls-self-signed made them
/// ```
struct DataFolder {
    let path: String
    /// Open, and locked, as long as the program runs.
    private let lock: Int32

    /// Makes the folder if it is missing and locks it.
    init(_ path: String) throws(StartProblem) {
        self.path = path.hasSuffix("/") ? String(path.dropLast()) : path
        guard mkdir(self.path, 0o700) == 0 || errno == EEXIST else {
            throw StartProblem("the data folder '\(path)' cannot be made: \(String(cString: strerror(errno)))")
        }
        lock = Glibc.open("\(self.path)/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard lock >= 0 else {
            throw StartProblem("the data folder '\(path)' cannot be written: \(String(cString: strerror(errno)))")
        }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            throw StartProblem("the data folder '\(path)' is in use by another server")
        }
    }

    var database: String { "\(path)/weir.db" }
    var credentials: String { "\(path)/credentials" }
    func tls(_ name: String) -> String { "\(path)/tls/\(name)" }

    /// The root key from its file; made, once, where there is none.
    func rootKey() throws -> RootKey {
        let file = "\(path)/root.key"
        if let data = FileManager.default.contents(atPath: file) {
            let text = String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
            guard let bytes = Hex.decode(text), bytes.count == 32 else {
                throw StartProblem("'\(file)' is not a root key: 64 hexadecimal digits. Restore it from a backup")
            }
            return try RootKey(bytes: bytes)
        }
        if FileManager.default.fileExists(atPath: database) {
            throw StartProblem(
                "'\(file)' is missing, and '\(database)' is sealed with it. Restore the file, or set WEIR_ROOT_KEY")
        }
        let bytes = RootKey.newBytes()
        try write(Hex.encode(bytes) + "\n", to: file)
        return try RootKey(bytes: bytes)
    }

    /// Writes a file that only its owner may read: whole and on disk, or not at all.
    func write(_ text: String, to file: String) throws(StartProblem) {
        let staged = file + ".new"
        let descriptor = Glibc.open(staged, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        var bytes = Array(text.utf8)
        let written = descriptor < 0 ? -1 : Glibc.write(descriptor, &bytes, bytes.count)
        guard written == bytes.count, fsync(descriptor) == 0, close(descriptor) == 0, rename(staged, file) == 0
        else { throw StartProblem("'\(file)' cannot be written: \(String(cString: strerror(errno)))") }
        let folder = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if folder >= 0 {
            fsync(folder)
            close(folder)
        }
    }
}

/// The program cannot start; the sentence says why and what to do.
struct StartProblem: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
