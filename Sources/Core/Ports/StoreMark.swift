/// Which store of blobs this is, written into the store itself and into the database that belongs to it: so that a volume that is
/// not mounted, or a database from a backup, is noticed before anything is decided by what the other does not know.
package struct StoreMark: Hashable, Sendable, CustomStringConvertible {
    /// 32 hexadecimal digits, chosen at random when the store was first used.
    package let id: String
    /// Goes up at each start, at each stop and before anything is destroyed. Whichever of the two has the lower one is the older
    /// copy. 0 is a mark that no database has taken up yet.
    package let count: Int64

    package init(id: String, count: Int64) {
        self.id = id
        self.count = count
    }

    /// A new store's.
    package static func new() -> Self {
        var random = SystemRandomNumberGenerator()
        return Self(id: Hex.encode((0..<16).map { _ in UInt8.random(in: 0...255, using: &random) }), count: 0)
    }

    /// Reads what `description` wrote; nil for anything else.
    package init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].utf8.count == 32, Hex.decode(parts[0]) != nil, let count = Int64(parts[1]), count >= 0
        else { return nil }
        self.init(id: String(parts[0]), count: count)
    }

    /// The same store's next mark.
    package var next: Self { Self(id: id, count: count == .max ? count : count + 1) }

    package var description: String { "\(id).\(count)" }
}

/// A blob store that says which one it is. Everything here blocks.
package protocol MarkedStore: Sendable {
    /// The store's mark, or nil where it has none. Throws where that cannot be told.
    func mark() throws(BlobStoreError) -> StoreMark?

    /// Replaces the mark: on disk when this returns. From now on the store makes no new places while the mark is gone.
    func setMark(_ mark: StoreMark) throws(BlobStoreError)

    /// Whether any blob lies here.
    func holdsBlobs() throws(BlobStoreError) -> Bool
}
