package import NIOCore
package import WeirCore

/// Which images a list shows: ECR's `tagStatus`.
package enum TagStatus: String, Sendable, CaseIterable {
    case any = "ANY"
    case tagged = "TAGGED"
    case untagged = "UNTAGGED"
}

/// A digest, and one of its tags.
package struct ImageID: Hashable, Sendable {
    package let digest: Digest
    package let tag: Tag?

    package init(digest: Digest, tag: Tag?) {
        self.digest = digest
        self.tag = tag
    }
}

/// What `DescribeImages` tells of an image.
package struct ImageDetail: Hashable, Sendable {
    package let digest: Digest
    package let tags: [Tag]
    /// Bytes of its blobs as they travel; for a list those of its largest child.
    package let size: Int64
    package let pushedAt: Timestamp
    package let mediaType: String
    package let artifactType: String?
    package let lastPulledAt: Timestamp?
    package let subject: Digest?
    package let status: ImageStatus
    package let archivedAt: Timestamp?
    package let activatedAt: Timestamp?
}

/// An image as a caller names it. Raw text: a malformed digest in a batch fails by itself, and not the whole call.
package struct ImageIDRequest: Hashable, Sendable {
    package let digest: String?
    package let tag: String?

    package init(digest: String?, tag: String?) {
        self.digest = digest
        self.tag = tag
    }
}

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

/// Why one image of a batch was refused: ECR's `ImageFailure`.
package struct ImageFailure: Sendable, Hashable {
    /// ECR's `ImageFailureCode`.
    package enum Code: String, Sendable {
        case invalidImageDigest = "InvalidImageDigest"
        case invalidImageTag = "InvalidImageTag"
        case imageTagDoesNotMatchDigest = "ImageTagDoesNotMatchDigest"
        case imageNotFound = "ImageNotFound"
        case missingDigestAndTag = "MissingDigestAndTag"
        case imageReferencedByManifestList = "ImageReferencedByManifestList"
        case kmsError = "KmsError"
        case upstreamAccessDenied = "UpstreamAccessDenied"
        case upstreamTooManyRequests = "UpstreamTooManyRequests"
        case upstreamUnavailable = "UpstreamUnavailable"
        case imageInaccessible = "ImageInaccessible"
    }

    package let id: ImageIDRequest
    package let code: Code
    package let reason: String
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
