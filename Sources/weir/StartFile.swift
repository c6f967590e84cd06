import CoreFoundation
import Glibc

/// Files that decide something at the start. An unreadable file never counts as missing.
enum StartFile {
    /// The largest size of such a file, in bytes. The largest is a certificate chain.
    private static let limit = 4 << 20

    /// The file's bytes; nil only if it does not exist. Throws with the reason if it exists and cannot be read.
    static func contents(of path: String) throws(StartProblem) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            let code = errno
            if code == ENOENT, try !exists(path) { return nil }
            throw unreadable(path, code)
        }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while bytes.count <= limit {
            let count = read(descriptor, &chunk, chunk.count)
            if count == 0 { return bytes }
            if count < 0 {
                if errno == EINTR { continue }
                throw unreadable(path, errno)
            }
            bytes += chunk[..<count]
        }
        throw StartProblem("'\(path)' is longer than \(limit >> 20) MiB: it is not what it should be")
    }

    /// The file's text; nil only if it does not exist.
    static func text(of path: String) throws(StartProblem) -> String? {
        guard let bytes = try contents(of: path) else { return nil }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw StartProblem("'\(path)' is no text: restore it from its backup")
        }
        return text
    }

    /// True if the name exists, even as a dangling link.
    static func exists(_ path: String) throws(StartProblem) -> Bool { try status(of: path) != nil }

    /// The status of the name itself, not of a link's target; nil only if it does not exist.
    static func status(of path: String) throws(StartProblem) -> stat? {
        var status = stat()
        if lstat(path, &status) == 0 { return status }
        let code = errno
        guard code == ENOENT else { throw unreadable(path, code) }
        return nil
    }

    /// Throws with the reason if the file cannot be read and written.
    static func check(_ path: String) throws(StartProblem) {
        // Does not open the file: closing any descriptor of a database drops the process's locks on it.
        guard access(path, R_OK | W_OK) != 0 else { return }
        throw unreadable(path, errno)
    }

    /// The file's mode if the group or others have any access to it, for a message; else nil.
    static func exposure(of path: String) -> String? {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & 0o077 != 0 else { return nil }
        return String(status.st_mode & 0o7777, radix: 8)
    }

    private static func unreadable(_ path: String, _ code: Int32) -> StartProblem {
        var text = "'\(path)' is there and cannot be read: \(String(cString: strerror(code)))"
        var status = stat()
        if code == EACCES, lstat(path, &status) == 0 {
            text +=
                ". It belongs to the user \(status.st_uid), mode \(String(status.st_mode & 0o7777, radix: 8)), and the server runs as \(geteuid()):"
            text += " give it back with chown and chmod"
        } else if code == ENOENT {
            text = "'\(path)' is a link to what is not there: is its volume mounted?"
        }
        return StartProblem(text)
    }
}
