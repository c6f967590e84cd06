import Glibc

/// Runs the command of a profile's `credential_process`, as AWS's SDKs do: by the shell, with this program's environment.
package enum CredentialProcess {
    /// In bytes: far more than a key.
    private static let longest = 64 << 10
    /// In milliseconds.
    private static let patience = 60_000

    /// What the command printed. Its standard error goes nowhere: it may hold what it must not tell.
    /// Throws the end of a sentence.
    @Sendable package static func run(_ command: String) throws(CommandProblem) -> [UInt8] {
        var ends: [CInt] = [-1, -1]
        guard pipe(&ends) == 0 else { throw failed("could not be run", errno) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        defer { close(ends[0]) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO)
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // A group of its own, so that what the shell started ends with it.
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
        posix_spawnattr_setpgroup(&attributes, 0)
        var words: [UnsafeMutablePointer<CChar>?] = [strdup("sh"), strdup("-c"), strdup(command), nil]
        defer { for word in words { free(word) } }
        var child = pid_t()
        let code = posix_spawn(&child, "/bin/sh", &actions, &attributes, &words, environ)
        close(ends[1])
        guard code == 0 else { throw failed("could not be run", code) }
        let output = read(from: ends[0])
        if output == nil { kill(-child, SIGKILL) }
        var status: CInt = 0
        while waitpid(child, &status, 0) < 0, errno == EINTR {}
        guard let output else {
            throw CommandProblem("did not print a key within \(patience / 1_000) s, or printed more than \(longest >> 10) KiB")
        }
        guard status == 0 else {
            let ended = status & 0x7f == 0 ? "ended with \(status >> 8 & 0xff)" : "was ended by the signal \(status & 0x7f)"
            throw CommandProblem("\(ended): run it by hand to see why")
        }
        return output
    }

    /// All that comes; nil where it is too long or comes too late.
    private static func read(from descriptor: CInt) -> [UInt8]? {
        var start = timespec()
        clock_gettime(CLOCK_MONOTONIC, &start)
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4_096)
        while bytes.count <= longest {
            var now = timespec()
            clock_gettime(CLOCK_MONOTONIC, &now)
            let waited = (now.tv_sec - start.tv_sec) * 1_000 + (now.tv_nsec - start.tv_nsec) / 1_000_000
            guard waited < patience else { return nil }
            var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard Glibc.poll(&poll, 1, CInt(patience - waited)) > 0 else {
                if errno == EINTR { continue }
                return nil
            }
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count == 0 { return bytes }
            if count < 0, errno != EINTR { return nil }
            if count > 0 { bytes += chunk[..<count] }
        }
        return nil
    }

    private static func failed(_ what: String, _ code: CInt) -> CommandProblem {
        CommandProblem("\(what): \(String(cString: strerror(code)))")
    }
}
