/// What the database and the store of blobs say of each other at the start: whether they belong together.
///
/// A database that does not know what lies in the store takes it for garbage, and a store that is not there makes every row look
/// damaged. So what cannot be told apart from that is refused, until somebody says that it is meant.
package struct StoreBond: Sendable, Equatable {
    package enum Doubt: String, Sendable, CaseIterable {
        /// The store holds blobs and the database knows none: it is new, or was lost.
        case emptyDatabase
        /// The store has seen a later start or collection than the database: a backup that was restored.
        case olderDatabase
        /// The store is not the one that the database was used with: a volume that is not mounted, or another one.
        case otherStore
    }

    package enum Verdict: Sendable, Equatable {
        /// Both get `next` as their mark. Where `isStoreOlder`, rows may name blobs that a later copy of the store has.
        case together(next: StoreMark, isStoreOlder: Bool)
        case doubtful(Doubt)
    }

    /// What the database says, and what the store says.
    package let recorded: StoreMark?
    package let found: StoreMark?
    /// Whether the database knows blobs, and whether blobs lie in the store.
    package let hasRows: Bool
    package let hasFiles: Bool

    package init(recorded: StoreMark?, found: StoreMark?, hasRows: Bool, hasFiles: Bool) {
        self.recorded = recorded
        self.found = found
        self.hasRows = hasRows
        self.hasFiles = hasFiles
    }

    /// - Parameters:
    ///   - accepted: the doubts that somebody has said are meant.
    ///   - new: a mark for a store that has none.
    package func verdict(accepting accepted: Set<Doubt>, new: StoreMark) -> Verdict {
        if let doubt, !accepted.contains(doubt) { return .doubtful(doubt) }
        // A store that takes another's place gets a name of its own: so that the other, when it comes back, is told from it.
        let id = found?.id ?? (doubt == .otherStore ? nil : recorded?.id) ?? new.id
        let last = StoreMark(id: id, count: max(recorded?.count ?? 0, found?.count ?? 0))
        // The database is told first: a crash between the two leaves it one ahead.
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
            // From before there were marks, or new, or a first start that ended half-way.
            switch (hasRows, hasFiles) {
            case (true, false): return .otherStore
            case (false, true): return .emptyDatabase
            case (true, true), (false, false): return nil
            }
        }
    }
}
