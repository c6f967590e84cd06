import WeirText

/// Identifies a store of blobs. The store and its database both hold the mark, so that an unmounted volume or a database from a
/// backup is noticed before anything is decided with it.
package struct StoreMark: Hashable, Sendable, CustomStringConvertible {
    /// 32 hexadecimal digits, chosen at random when the store was first used.
    package let id: String
    /// Rises at each start, at each stop and before anything is destroyed. Of the two, the one with the lower count is the older
    /// copy. 0 is a mark that no database has adopted yet.
    package let count: Int64

    package init(id: String, count: Int64) {
        self.id = id
        self.count = count
    }

    /// The mark of a new store.
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

/// A blob store that holds a mark. Everything here blocks.
package protocol MarkedStore: Sendable {
    /// The store's mark, or nil if it has none. Throws if that cannot be determined.
    func mark() throws(BlobStoreError) -> StoreMark?

    /// Replaces the mark: on disk when this returns. From now on the store creates no new places while the mark is missing.
    func setMark(_ mark: StoreMark) throws(BlobStoreError)

    /// True if the store holds any blob.
    func holdsBlobs() throws(BlobStoreError) -> Bool
}
