import GRDB
import WeirCore

extension SQLError {
    /// SQLite's error without the arguments, which may be secret.
    init(_ error: DatabaseError, opening path: String? = nil) {
        let code = error.extendedResultCode
        let place = path.map { "cannot open the database \($0): " } ?? ""
        let statement = error.sql.map { " in: \($0)" } ?? ""
        self.init(
            isUnique: code == .SQLITE_CONSTRAINT_UNIQUE || code == .SQLITE_CONSTRAINT_PRIMARYKEY
                || code == .SQLITE_CONSTRAINT_ROWID,
            // On a full disk a write fails with SQLITE_FULL, and growing the log's index with SQLITE_IOERR_SHMSIZE.
            isFull: error.resultCode == .SQLITE_FULL || code == .SQLITE_IOERR_SHMSIZE,
            description: place + "SQLite \(code.rawValue), \(error.message ?? "no message")" + statement)
    }
}
