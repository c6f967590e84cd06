import Glibc

/// How many files this process may have open, and what follows from it.
enum OpenFiles {
    /// For the database, the log, upstream's connections and what the libraries open.
    private static let others = 256

    static var limit: Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1_024 }
        return Int(clamping: limit.rlim_cur)
    }

    /// Connections that may be let in, so that each finds a descriptor for the blob that it asks for.
    ///
    /// - Parameter wanted: more than that is never the answer.
    static func connections(wanted: Int, limit: Int = limit) -> Int { max(16, min(wanted, (limit - others) / 2)) }
}
