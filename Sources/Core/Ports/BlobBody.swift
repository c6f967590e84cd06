package import NIOCore

/// A blob's plain bytes, at any offset, for one who sends them on.
package protocol BlobBody: Sendable {
    /// Up to `count` bytes from `offset`; empty only at the blob's end. Waits for bytes that are still on their way.
    ///
    /// Throws where the content turns out to be lost, damaged or not what its digest says: then the sender cuts the connection,
    /// so that nobody takes a part for the whole.
    func read(at offset: Int64, upTo count: Int) async throws -> ByteBuffer
}

/// A blob as the doors serve it.
package struct ServedBlob: Sendable {
    package let size: Int64
    package let body: any BlobBody
    /// The file that holds just these bytes, plain, from `offset` on: the kernel may send it by itself. Open as long as `body`
    /// lives.
    package let file: (descriptor: Int32, offset: Int64)?
    /// Told how many bytes a client is going to get.
    package var note: @Sendable (Int64) -> Void = { _ in }

    package init(size: Int64, body: any BlobBody, file: (descriptor: Int32, offset: Int64)? = nil) {
        self.size = size
        self.body = body
        self.file = file
    }
}
