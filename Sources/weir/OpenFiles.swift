import Glibc

/// The limit of open files of this process, and the number of connections that it allows.
enum OpenFiles {
    /// Descriptors for the database, the log, upstream connections and libraries.
    private static let others = 256

    static var limit: Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1_024 }
        return Int(clamping: limit.rlim_cur)
    }

    /// How many connections can be accepted so that each can also open a blob.
    ///
    /// - Parameter wanted: an upper limit.
    static func connections(wanted: Int, limit: Int = limit) -> Int { max(16, min(wanted, (limit - others) / 2)) }
}
