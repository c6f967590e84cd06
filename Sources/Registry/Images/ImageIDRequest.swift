import WeirCore

/// An image as a caller names it. Raw text: a malformed digest in a batch fails by itself, and not the whole call.
package struct ImageIDRequest: Hashable, Sendable {
    package let digest: String?
    package let tag: String?

    package init(digest: String?, tag: String?) {
        self.digest = digest
        self.tag = tag
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
