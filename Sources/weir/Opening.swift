import Logging
import WeirApplication
import WeirCore
import WeirRegistry
import WeirSettings
import WeirStorage
import WeirVault

/// Opens the data folder: root key, database and blobs. It first makes sure that they belong together.
///
/// Until then it creates and changes nothing, so that an operator can still put the right files back.
struct Opening {
    /// The opened parts of the folder.
    struct Opened: Sendable {
        let database: SQLiteDatabase
        let store: FileBlobStore
        let root: RootKey
        let marks: StoreMarks
        let room: VolumeRoom
    }

    let settings: Settings
    let folder: DataFolder
    let logger: Logger

    /// Throws `StartProblem` with what to do.
    func open() async throws -> Opened {
        warnOfExposure()
        let room = VolumeRoom(folder: folder.path, reserve: settings.reserve)
        let store = FileBlobStore(lookingAt: folder.path, room: room)
        do { try store.checkIsOneVolume() } catch { throw StartProblem(unexpected: error, in: folder.path) }
        let isNew = try folder.lacksDatabase()
        let holdsBlobs = isNew ? try look { () throws(BlobStoreError) in try store.holdsBlobs() } : true
        if isNew { try checkNew(store, holdsBlobs) }
        let root =
            try settings.rootKey.map { try RootKey(bytes: $0) }
            ?? folder.rootKey(from: settings.rootKeyFile, holdingBlobs: isNew && holdsBlobs)
        // A full volume must not keep the server from starting: an operator needs it to free some space.
        if !isNew { room.makeRoomForRows() }
        let database = try await database()
        do {
            try await checkSealing(of: database)
            let marks = StoreMarks(database: database, store: store)
            try await join(marks)
            try look { () throws(BlobStoreError) in try store.make() }
            return Opened(database: database, store: store, root: root, marks: marks, room: room)
        } catch {
            try? database.close()
            throw StartProblem(unexpected: error, in: folder.path)
        }
    }

    /// A new database must not be created beside a store that was used with another one.
    private func checkNew(_ store: FileBlobStore, _ holdsBlobs: Bool) throws {
        let found = try look { () throws(BlobStoreError) in try store.mark() }
        let bond = StoreBond(recorded: nil, found: found, hasRows: false, hasFiles: holdsBlobs)
        if case .doubtful(let doubt) = bond.verdict(accepting: settings.acceptedDoubts, new: .new()) { throw problem(doubt) }
    }

    private func database() async throws -> SQLiteDatabase {
        // SQLite has the same message for every reason, so the files are checked first.
        for path in [folder.database, folder.database + "-wal", folder.database + "-shm"] {
            if try StartFile.exists(path) { try StartFile.check(path) }
        }
        do {
            let database = try SQLiteDatabase(path: folder.database)
            try await database.migrate(Application.migrations)
            return database
        } catch let error as SQLError {
            throw StartProblem(
                error.isFull
                    ? "the database '\(folder.database)' cannot be opened: its volume is full. Free some space first (\(error))"
                    : "the database '\(folder.database)' cannot be opened: restore it from its backup if it is damaged (\(error))"
            )
        }
    }

    /// The sealing mode decides where blobs lie: with another mode than the folder's, none would be found.
    private func checkSealing(of database: SQLiteDatabase) async throws {
        let recorded = try await Blobs.Sealing.recorded(wanted: settings.sealing, in: database)
        guard recorded == settings.sealing else {
            throw StartProblem(
                "the data folder was first used with --sealing \(recorded.rawValue), and its blobs lie there in that form. Start with --sealing \(recorded.rawValue), or with a new folder"
            )
        }
    }

    private func join(_ marks: StoreMarks) async throws {
        do {
            let (accepted, isStoreOlder) = try await marks.join(accepting: settings.acceptedDoubts)
            if let accepted { tell(accepted) }
            if isStoreOlder {
                logger.warning(
                    "blobs/ is older than weir.db: run `weir verify`, which says what is missing",
                    metadata: ["data": "\(folder.path)"])
            }
            for unneeded in settings.acceptedDoubts where unneeded != accepted {
                logger.warning(
                    "\(unneeded.option) is not needed: take it out of the settings, it would hide the next accident",
                    metadata: ["data": "\(folder.path)"])
            }
        } catch let error as StoreMarks.Doubtful {
            throw problem(error.doubt)
        } catch let error as BlobStoreError {
            throw StartProblem(error, in: folder)
        }
    }

    private func tell(_ doubt: StoreBond.Doubt) {
        let done =
            switch doubt {
            case .emptyDatabase: "what lies in blobs/ is known to nobody and goes when its grace is over"
            case .olderDatabase: "what was pushed after weir.db was copied is known to nobody and goes when its grace is over"
            case .otherStore: "weir.db now belongs to the folder blobs/ as it is: run `weir verify`, which says what is missing"
            }
        logger.warning(
            "\(doubt.option) was used: \(done). Take it out of the settings again", metadata: ["data": "\(folder.path)"])
    }

    private func problem(_ doubt: StoreBond.Doubt) -> StartProblem {
        let (database, blobs) = (folder.database, folder.blobs)
        let text =
            switch doubt {
            case .emptyDatabase:
                "'\(blobs)' holds content of which '\(database)' knows nothing: the database is missing, empty or new. Restore it from its backup. Where it is lost for good"
            case .olderDatabase:
                "'\(database)' is older than '\(blobs)': a backup that was restored? What was pushed since it was made is unknown to it. Restore the newer database. Where there is none"
            case .otherStore:
                "'\(blobs)' is not the folder that '\(database)' belongs to: is its volume mounted? Mount it, or put the folder back. Where what it held is lost for good"
            }
        return StartProblem(
            "\(text), start once with \(doubt.option) (docs/operating.md says what that means). Nothing was changed")
    }

    /// Restored files and hand-made volumes are often readable by everyone.
    private func warnOfExposure() {
        let key = settings.rootKey == nil ? settings.rootKeyFile ?? folder.rootKey : nil
        for path in [key, folder.credentials].compactMap(\.self) {
            guard let mode = StartFile.exposure(of: path) else { continue }
            logger.warning(
                "A file with a key can be read by others than its owner: run chmod 600",
                metadata: ["file": "\(path)", "mode": "\(mode)"])
        }
        if let mode = StartFile.exposure(of: folder.path) {
            logger.notice(
                "The data folder is open to others than its owner: chmod 700 shuts it",
                metadata: ["data": "\(folder.path)", "mode": "\(mode)"])
        }
    }

    private func look<Value>(_ body: () throws(BlobStoreError) -> Value) throws(StartProblem) -> Value {
        do { return try body() } catch { throw StartProblem(error, in: folder) }
    }
}

extension StartProblem {
    init(_ error: BlobStoreError, in folder: DataFolder) {
        self.init("the folder '\(folder.blobs)' cannot be used: \(error.reason). Nothing was changed")
    }
}

extension BlobStoreError {
    /// The reason, for a message to the operator.
    var reason: String {
        switch self {
        case .missing: "it is gone"
        case .full(let detail), .failed(let detail), .unavailable(let detail), .damaged(let detail), .tooManyFiles(let detail):
            detail
        case .closed: "it has been closed"
        }
    }
}

extension StoreBond.Doubt {
    /// The option that accepts this doubt.
    var option: String {
        switch self {
        case .emptyDatabase: "--accept-empty-database"
        case .olderDatabase: "--accept-older-database"
        case .otherStore: "--accept-missing-blobs"
        }
    }
}
