import Glibc
package import WeirCore

/// Registry passwords that are kept between two runs: a file of mode 600 in a folder of mode 700.
///
/// No sign-in fails because of the file: what cannot be read, is foreign or makes no sense counts as empty and is replaced, and
/// what cannot be written is not kept.
package struct TokenCache: Sendable {
    /// A password that ends sooner is asked for anew: it must outlast the pull that begins with it, and clocks differ.
    package static let margin = Duration.seconds(5 * 60)
    /// The longest that a registry password is good for, as ECR has it.
    private static let longest = Duration.seconds(12 * 60 * 60)
    /// The passwords that last longest stay.
    private static let most = 64
    private static let maxBytes = 4 << 20
    private static let name = "registry-passwords.json"

    private let folder: String
    private let clock: WallClock

    package init(folder: String, clock: WallClock) {
        self.folder = folder
        self.clock = clock
    }

    /// The usual folder, `$XDG_CACHE_HOME/weir` or `~/.cache/weir`; nil where neither is known.
    package init?(_ environment: [String: String], clock: WallClock) {
        let set = environment["XDG_CACHE_HOME"].flatMap { $0.hasPrefix("/") ? $0 : nil }
        let home = environment["HOME"].flatMap { $0.hasPrefix("/") ? "\($0)/.cache" : nil }
        guard let base = set ?? home else { return nil }
        self.init(folder: "\(base)/weir", clock: clock)
    }

    /// Who asks whom: the principal's fingerprint, the endpoint and the region, hashed.
    package static func key(_ fingerprint: String, endpoint: String, region: String) -> String {
        PreparedCredentials.hash([fingerprint, endpoint, region])
    }

    /// Nil where there is none that lasts.
    package subscript(_ key: String) -> RegistryPassword? { entries().first { $0.key == key }?.password }

    package func keep(_ password: RegistryPassword, as key: String) {
        guard isFresh(password.expiresAt) else { return }
        let others = entries().filter { $0.key != key }
        let kept = ([(key, password)] + others).sorted { $0.1.expiresAt > $1.1.expiresAt }.prefix(Self.most)
        let list = kept.map { key, password -> JSONValue in
            [
                "key": .string(key), "user": .string(password.user), "password": .string(password.password),
                "expiresAt": .integer(password.expiresAt.microseconds / 1_000_000),
            ]
        }
        let document: JSONValue = ["version": 1, "passwords": .array(list)]
        write(Array(document.text.utf8))
    }

    /// False also for an end that no password has: the file or the clock is wrong.
    private func isFresh(_ end: Timestamp) -> Bool {
        let rest = end - clock.now
        return rest > Self.margin && rest <= Self.longest + Self.margin
    }

    private func entries() -> [(key: String, password: RegistryPassword)] {
        guard let bytes = read(), let document = try? JSONValue(parsing: bytes), document["version"] == .integer(1) else {
            return []
        }
        return document.list("passwords").prefix(Self.most).compactMap { entry in
            guard let key = entry.text(of: "key"), case .integer(let end)? = entry["expiresAt"],
                let password = RegistryPassword(
                    user: entry.text(of: "user") ?? "", password: entry.text(of: "password") ?? "",
                    expiresAt: Timestamp(seconds: end)),
                isFresh(password.expiresAt)
            else { return nil }
            return (key, password)
        }
    }

    // MARK: The file

    private var path: String { "\(folder)/\(Self.name)" }

    /// Nil where the file or its folder could be another user's work, or could be read by another user.
    private func read() -> [UInt8]? {
        guard isOwnFolder else { return nil }
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_uid == geteuid(),
            status.st_mode & 0o077 == 0, status.st_size <= Self.maxBytes
        else { return nil }
        return try? CommandFile.contents(of: descriptor, named: "'\(path)'")
    }

    private var isOwnFolder: Bool {
        var status = stat()
        return stat(folder, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR && status.st_uid == geteuid()
            && status.st_mode & 0o077 == 0
    }

    private func write(_ bytes: [UInt8]) {
        makeFolder()
        guard isOwnFolder else { return }
        let staged = "\(folder)/.\(Self.name).\(getpid())"
        unlink(staged)
        let descriptor = open(staged, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            rest = rest.dropFirst(count)
        }
        let isWhole = rest.isEmpty && fchmod(descriptor, 0o600) == 0
        close(descriptor)
        if !isWhole || rename(staged, path) != 0 { unlink(staged) }
    }

    /// With the folders above it. One that others may read is closed to them, if it is this user's.
    private func makeFolder() {
        var path = ""
        for part in folder.split(separator: "/") {
            path += "/\(part)"
            mkdir(path, 0o700)
        }
        var status = stat()
        if lstat(folder, &status) == 0, status.st_mode & S_IFMT == S_IFDIR, status.st_uid == geteuid() { chmod(folder, 0o700) }
    }
}
