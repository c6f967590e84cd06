package import Glibc

/// Files that decide something at the start. A file that cannot be read is never taken for one that is not there.
package enum StartFile {
    /// The longest that such a file may be: the largest is a chain of certificates.
    private static let limit = 4 << 20

    /// The file's bytes; nil only where there is none. Throws with the reason where it is there and cannot be read.
    package static func contents(of path: String) throws(StartProblem) -> [UInt8]? {
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

    /// The file's text; nil only where there is none.
    package static func text(of path: String) throws(StartProblem) -> String? {
        guard let bytes = try contents(of: path) else { return nil }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw StartProblem("'\(path)' is no text: restore it from its backup")
        }
        return text
    }

    /// Whether the name is taken. A link that leads nowhere takes it too.
    package static func exists(_ path: String) throws(StartProblem) -> Bool { try status(of: path) != nil }

    /// What lies under the name, links not followed; nil only where nothing does.
    package static func status(of path: String) throws(StartProblem) -> stat? {
        var status = stat()
        if lstat(path, &status) == 0 { return status }
        let code = errno
        guard code == ENOENT else { throw unreadable(path, code) }
        return nil
    }

    /// Throws where the file cannot be opened for writing: with the reason.
    package static func check(_ path: String) throws(StartProblem) {
        // Not opened: closing any descriptor of a database drops the locks that the process holds on it.
        guard access(path, R_OK | W_OK) != 0 else { return }
        throw unreadable(path, errno)
    }

    /// The file's mode, for a person, where others than its owner may do something with it; nil where they may not.
    package static func exposure(of path: String) -> String? {
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

/// The program cannot start; the sentence says why and what to do.
package struct StartProblem: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
