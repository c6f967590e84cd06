import GRDB
import WeirCore

extension SQLError {
    /// SQLite's error, without the arguments: those may be secret.
    init(_ error: DatabaseError, opening path: String? = nil) {
        let code = error.extendedResultCode
        let place = path.map { "cannot open the database \($0): " } ?? ""
        let statement = error.sql.map { " in: \($0)" } ?? ""
        self.init(
            isUnique: code == .SQLITE_CONSTRAINT_UNIQUE || code == .SQLITE_CONSTRAINT_PRIMARYKEY
                || code == .SQLITE_CONSTRAINT_ROWID,
            // A full disk is SQLITE_FULL for a write, and the other where the log's index must grow.
            isFull: error.resultCode == .SQLITE_FULL || code == .SQLITE_IOERR_SHMSIZE,
            description: place + "SQLite \(code.rawValue), \(error.message ?? "no message")" + statement)
    }
}
