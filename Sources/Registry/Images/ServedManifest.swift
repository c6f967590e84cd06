package import NIOCore
package import WeirCore

/// A manifest as it is stored.
package struct StoredImage: Sendable {
    package let digest: Digest
    package let tag: Tag?
    package let mediaType: String
    package let bytes: ByteBuffer

    package init(digest: Digest, tag: Tag?, mediaType: String, bytes: ByteBuffer) {
        self.digest = digest
        self.tag = tag
        self.mediaType = mediaType
        self.bytes = bytes
    }
}

/// A manifest on its way to a client.
package struct ServedManifest: Sendable {
    package let digest: Digest
    package let mediaType: String
    package let bytes: ByteBuffer
    /// Why what is held was served without upstream's word; nil where it was not.
    package var warning: String?
}

/// The outcome of pushing a manifest.
package struct PutImage: Sendable {
    package let digest: Digest
    package let mediaType: String
    package let subject: Digest?
    /// The same manifest was there under the same tags: nothing changed.
    package let wasAlreadyThere: Bool
}
