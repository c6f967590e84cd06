/// Decides at the start whether the database and the store of blobs belong together.
///
/// To a database that does not know the store's blobs they are garbage, and to an empty or wrong store every row looks damaged.
/// Such a start is refused until the operator accepts the doubt by name.
package struct StoreBond: Sendable, Equatable {
    package enum Doubt: String, Sendable, CaseIterable {
        /// The store holds blobs and the database knows none: the database is new, or was lost.
        case emptyDatabase
        /// The store has seen a later start or collection than the database: the database was restored from a backup.
        case olderDatabase
        /// The store is not the one that the database was used with: a volume is not mounted, or another one is.
        case otherStore
    }

    package enum Verdict: Sendable, Equatable {
        /// Both get `next` as their mark. If `isStoreOlder`, rows may name blobs that only a later copy of the store has.
        case together(next: StoreMark, isStoreOlder: Bool)
        case doubtful(Doubt)
    }

    /// The mark in the database, and the mark in the store.
    package let recorded: StoreMark?
    package let found: StoreMark?
    /// Whether the database has rows of blobs, and whether the store has files of blobs.
    package let hasRows: Bool
    package let hasFiles: Bool

    package init(recorded: StoreMark?, found: StoreMark?, hasRows: Bool, hasFiles: Bool) {
        self.recorded = recorded
        self.found = found
        self.hasRows = hasRows
        self.hasFiles = hasFiles
    }

    /// - Parameters:
    ///   - accepted: the doubts that the operator has accepted.
    ///   - new: a mark for a store that has none.
    ///   - new: a mark for a store that has none.
    package func verdict(accepting accepted: Set<Doubt>, new: StoreMark) -> Verdict {
        if let doubt, !accepted.contains(doubt) { return .doubtful(doubt) }
        // A store that replaces another one gets a new id, so that the old one is told apart when it comes back.
        let id = found?.id ?? (doubt == .otherStore ? nil : recorded?.id) ?? new.id
        let last = StoreMark(id: id, count: max(recorded?.count ?? 0, found?.count ?? 0))
        // The database's mark is written first: a crash between the two leaves it one ahead, which is no sign of an older store.
        let isOlder = doubt == nil && (recorded?.count ?? 0) - (found?.count ?? 0) > 1
        return .together(next: last.next, isStoreOlder: isOlder)
    }

    package var doubt: Doubt? {
        switch (recorded, found) {
        case (let recorded?, let found?):
            if recorded.id != found.id { return .otherStore }
            guard found.count > recorded.count else { return nil }
            return hasRows ? .olderDatabase : .emptyDatabase
        case (_?, nil): return .otherStore
        case (nil, let found?) where found.count > 0:
            switch (hasRows, hasFiles) {
            case (true, true): return .olderDatabase
            case (true, false): return .otherStore
            case (false, true): return .emptyDatabase
            case (false, false): return nil
            }
        case (nil, _):
            // From before marks existed, or new, or a first start that ended half-way.
            switch (hasRows, hasFiles) {
            case (true, false): return .otherStore
            case (false, true): return .emptyDatabase
            case (true, true), (false, false): return nil
            }
        }
    }
}
