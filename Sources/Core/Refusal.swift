/// A reason to say no, with the sentence that tells the caller what happened and what to do next.
///
/// Services throw it; each door has one table from `Reason` to its wire error (`DistributionError`, `AWSError`).
/// The message goes to the client: it never holds a secret, a token or a signed query.
package struct Refusal: Error, Sendable, CustomStringConvertible {
    package let reason: Reason
    package let message: String
    /// The cause in a few words, where the message is too long for a line, or too terse without its context: for HTTP's reason
    /// phrase.
    package var brief: String?
    /// When to come back, where upstream or a limit told.
    package var retryAfter: Duration?
    /// What the log line says besides: short facts, never secrets.
    package var facts: [String: String]

    package init(
        _ reason: Reason, _ message: String, brief: String? = nil, retryAfter: Duration? = nil, facts: [String: String] = [:]
    ) {
        self.reason = reason
        self.message = message
        self.brief = brief
        self.retryAfter = retryAfter
        self.facts = facts
    }

    package var description: String { "\(reason): \(message)" }

    package enum Reason: String, Sendable, CaseIterable {
        // What was asked cannot be understood.
        case invalidParameter, validation, malformedRequest, unknownOperation, requestTooLarge
        // Who asks.
        case authenticationMissing, credentialsUnknown, signatureInvalid, credentialsExpired
        case tokenInvalid, tokenExpired, accessDenied, userNotFound
        // Repositories and what hangs on them.
        case repositoryNotFound, repositoryAlreadyExists, repositoryNotEmpty
        case repositoryPolicyNotFound, lifecyclePolicyNotFound
        case limitExceeded, tooManyTags, invalidTagParameter
        // Images and blobs.
        case imageNotFound, imageAlreadyExists, imageTagAlreadyExists, imageDigestDoesNotMatch
        case layersNotFound, referencedImagesNotFound, imageReferencedByManifestList
        /// It is in the archive, or on its way back from there.
        case imageArchived
        case storageClassUpdateNotSupported, lifecyclePreviewNotFound, lifecyclePreviewInProgress
        case manifestInvalid, manifestTooLarge
        /// It can be read, and breaks a bound or a grammar of ours: too many descriptors, a media type that is none.
        case manifestOutOfBounds
        case blobUnknown, blobUploadUnknown, blobUploadOutOfOrder, digestInvalid, rangeNotSatisfiable
        /// ECR's layer API has exceptions of its own.
        case emptyUpload, layerPartTooSmall, layerAlreadyExists, layerInaccessible
        /// A blob that an image of the repository names cannot be deleted.
        case blobReferenced
        /// Stored bytes are missing or are not what was sealed, and upstream cannot replace them.
        case contentDamaged
        case storageFull
        /// The disk, or whatever it hangs on, does not give or take now what it did and may again: to be tried again.
        case storageUnavailable
        // Cache rules, templates and upstream.
        case cacheRuleNotFound, cacheRuleAlreadyExists, unsupportedUpstreamRegistry
        case secretNotFound, unableToAccessSecret, unableToDecryptSecretValue
        case templateNotFound, templateAlreadyExists, templateFailed
        /// Upstream said 401 or 403.
        case upstreamDenied
        /// Upstream said 429.
        case upstreamRateLimited
        /// Upstream could not be asked: refused, no name, time-out, TLS, 5xx.
        case upstreamUnavailable
        /// Upstream answered with something that is not what was asked for: wrong digest, wrong length, no manifest.
        case upstreamInvalid
        /// The referrers of a cached image could not be asked for upstream: ECR has an exception for it.
        case unableToListUpstreamReferrers
        // Settings of a registry, and what follows from them.
        case registryPolicyNotFound, signingConfigurationNotFound
        case exclusionAlreadyExists, exclusionNotFound
        case scanNotFound, unsupportedImageType
        // Keys.
        case kmsKeyNotFound, kmsKeyDisabled, kmsInvalidState, kmsAlreadyExists, kmsInvalidAliasName, kmsInvalidArn
        case kmsInvalidCiphertext, kmsIncorrectKey, kmsMalformedPolicy, kmsLimitExceeded, kmsUnsupported, kmsTagInvalid
        case kmsInvalidKeyUsage, kmsInvalidMarker
        // Secrets.
        case secretResourceNotFound, secretResourceExists, secretInvalidRequest, secretInvalidNextToken
        case secretLimitExceeded
        // The program itself.
        case unsupported, throttled, shuttingDown
        /// The machine's clock has jumped: what has a date is left alone.
        case clockSuspect
    }
}
