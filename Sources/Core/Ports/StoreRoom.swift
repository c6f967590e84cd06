/// The room on the volume of the blobs, and what is kept of it: so that rows can still be written, and content be removed, when
/// everything else is full.
package protocol StoreRoom: Sendable {
    /// Throws `BlobStoreError.full` where so many more bytes would take from the reserve. Cheap: the volume is asked once a
    /// second.
    func check(for bytes: Int64) throws(BlobStoreError)

    /// How many bytes must go until blobs are taken again, with some to spare; 0 where they are taken.
    var shortage: Int64 { get }

    /// So many bytes were wanted, and `check` found no room for them: they count as shortage for a while.
    func missed(_ bytes: Int64)

    /// Gives up the ballast where even rows would find no room. Blocks.
    func makeRoomForRows()

    /// Takes it again, as soon as there is room for it besides the reserve. Blocks.
    func restoreBallast()
}

/// Room without end: where nobody counts it.
package struct AmpleRoom: StoreRoom {
    package init() {}

    package func check(for bytes: Int64) throws(BlobStoreError) {}
    package var shortage: Int64 { 0 }
    package func missed(_ bytes: Int64) {}
    package func makeRoomForRows() {}
    package func restoreBallast() {}
}
