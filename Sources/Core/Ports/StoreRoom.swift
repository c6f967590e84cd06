/// The free room of the blobs' volume, and the reserve that is kept of it, so that rows can still be written and content be
/// removed when the volume is full.
package protocol StoreRoom: Sendable {
    /// Throws `BlobStoreError.full` if `bytes` more would cut into the reserve. Cheap: the volume is asked once a second.
    func check(for bytes: Int64) throws(BlobStoreError)

    /// How many bytes must be removed before blobs are accepted again, with a margin; 0 if they are accepted.
    var shortage: Int64 { get }

    /// Tells that `check` had no room for this many bytes: they count as shortage for a while (`VolumeRoom`: 10 minutes at most).
    func missed(_ bytes: Int64)

    /// Deletes the ballast file if even rows would find no room. Blocks.
    func makeRoomForRows()

    /// Makes the ballast file again, once there is room for it beside one and a half times the reserve. Blocks.
    func restoreBallast()
}

/// Unlimited room: for stores whose room is not tracked.
package struct AmpleRoom: StoreRoom {
    package init() {}

    package func check(for bytes: Int64) throws(BlobStoreError) {}
    package var shortage: Int64 { 0 }
    package func missed(_ bytes: Int64) {}
    package func makeRoomForRows() {}
    package func restoreBallast() {}
}
