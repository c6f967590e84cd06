package import WeirCore

/// Checks that the database and the blob store belong together: at the start, at the stop, and before anything is destroyed.
package final class StoreMarks: Sendable {
    /// The two do not seem to belong together, and the operator has not accepted that.
    package struct Doubtful: Error, Equatable {
        package let doubt: StoreBond.Doubt

        package init(doubt: StoreBond.Doubt) { self.doubt = doubt }
    }

    private let database: any SQLDatabase
    private let store: any MarkedStore
    private let disk = SerialQueue("weir.marks")

    package init(database: any SQLDatabase, store: any MarkedStore) {
        self.database = database
        self.store = store
    }

    /// Compares the two marks, and moves both on by one. Throws `Doubtful` before anything is changed. Blocks, so it is for the
    /// start.
    ///
    /// - Returns: the doubt that was accepted, if there was one, and whether the store is the older of the two.
    package func join(
        accepting accepted: Set<StoreBond.Doubt>
    ) async throws -> (accepted: StoreBond.Doubt?, isStoreOlder: Bool) {
        let (recorded, hasRows) = try await database.read { sql in
            (try FactTable.storeMark(sql), try BlobTable.holdsAny(sql))
        }
        let found = try store.mark()
        // Looking for files takes long in a big store, and is needed only where the database has never seen the store.
        let bond = StoreBond(
            recorded: recorded, found: found, hasRows: hasRows, hasFiles: recorded == nil ? try store.holdsBlobs() : hasRows)
        switch bond.verdict(accepting: accepted, new: .new()) {
        case .doubtful(let doubt): throw Doubtful(doubt: doubt)
        case .together(let next, let isStoreOlder):
            // A store's first mark comes before the row: a crash between the two leaves a mark that no database has recorded.
            if found == nil { try store.setMark(StoreMark(id: next.id, count: 0)) }
            try await put(next)
            return (bond.doubt, isStoreOlder)
        }
    }

    /// Moves both on by one: a copy of the database from before is older from now on, and is recognised as such.
    package func advance() async throws {
        guard let recorded = try await database.read({ try FactTable.storeMark($0) }) else { return }
        if let refusal = await refusal { throw refusal }
        try await put(recorded.next)
    }

    /// Why nothing may be taken out of the store now: it is not the one that the program started with. Nil where it is.
    package var refusal: Refusal? {
        get async {
            do {
                let recorded = try await database.read { try FactTable.storeMark($0) }
                let found = try await disk.run { [store] in try store.mark() }
                guard let recorded, recorded.id != found?.id else { return nil }
                return Refusal(
                    .contentDamaged,
                    "The folder of the blobs is not the one that this server was started with: is its volume mounted? Nothing is removed until it is back"
                )
            } catch {
                return Refusal(
                    .contentDamaged, "The folder of the blobs cannot be read: nothing is removed until it can",
                    facts: ["error": "\(error)"])
            }
        }
    }

    /// The row first: a crash between the two leaves the database one ahead, which is no doubt.
    private func put(_ mark: StoreMark) async throws {
        try await database.write { try FactTable.set("store-mark", mark.description, $0) }
        try await disk.run { [store] in try store.setMark(mark) }
    }
}
