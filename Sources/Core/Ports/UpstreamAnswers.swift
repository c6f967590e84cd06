package import NIOCore

package struct UpstreamDescriptor: Sendable, Equatable {
    package let digest: Digest?
    package let mediaType: String?

    package init(digest: Digest?, mediaType: String?) {
        self.digest = digest
        self.mediaType = mediaType
    }
}

package struct UpstreamManifest: Sendable {
    package let bytes: ByteBuffer
    /// From `Content-Type`, without parameters.
    package let mediaType: String?

    package init(bytes: ByteBuffer, mediaType: String?) {
        self.bytes = bytes
        self.mediaType = mediaType
    }
}

package struct UpstreamBlob: Sendable {
    /// The whole blob's size as upstream states it, or nil.
    package let size: Int64?
    /// Where `body` begins: the offset asked for, or 0 if upstream does not serve ranges.
    package let offset: Int64
    /// A strong entity tag for the next part's `UpstreamRange.validator`, or nil.
    package let validator: String?
    /// True if upstream sent a range, or says that it serves them.
    package let servesRanges: Bool
    package let body: ByteStream

    package init(
        size: Int64?, offset: Int64, body: ByteStream, validator: String? = nil, servesRanges: Bool = false
    ) {
        self.size = size
        self.offset = offset
        self.validator = validator
        self.servesRanges = servesRanges
        self.body = body
    }
}

/// A manifest about another one, as upstream's list of referrers shows it.
package struct UpstreamReferrer: Sendable, Hashable {
    package let digest: Digest
    package let mediaType: String
    package let size: Int64
    package let artifactType: String?
    package let annotations: [String: String]

    package init(
        digest: Digest, mediaType: String, size: Int64, artifactType: String?, annotations: [String: String] = [:]
    ) {
        self.digest = digest
        self.mediaType = mediaType
        self.size = size
        self.artifactType = artifactType
        self.annotations = annotations
    }
}
