/// A reason to say no, with the sentence that tells the caller what happened and what to do next.
///
/// Services throw it; each door has one table from `Reason` to its wire error (`DistributionError`, `AWSError`).
/// The message goes to the client: it never holds a secret, a token or a signed query.
package struct Refusal: Error, Sendable, CustomStringConvertible {
    package let reason: Reason
    package let message: String
    /// The cause in a few words, for HTTP's reason phrase: set where the message is too long for a line, or too terse without its
    /// context.
    package var brief: String?
    /// When to retry, if upstream or a limit said so.
    package var retryAfter: Duration?
    /// Additional short facts for the log line; never secrets.
    package var facts: [String: String]
    /// The decision, where the policies have denied it.
    package var denial: AuthorizationDenial?

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
        // The request cannot be understood.
        case invalidParameter, validation, malformedRequest, unknownOperation, requestTooLarge
        /// A form's parameter is of another type than it should be: a list, a structure, or no number.
        case malformedInput
        // Authentication and authorization.
        case authenticationMissing, credentialsUnknown, signatureInvalid, credentialsExpired
        case tokenInvalid, tokenExpired, accessDenied
        // Repositories and what belongs to them.
        case repositoryNotFound, repositoryAlreadyExists, repositoryNotEmpty
        case repositoryPolicyNotFound, lifecyclePolicyNotFound
        case limitExceeded, tooManyTags, invalidTagParameter
        // Images and blobs.
        case imageNotFound, imageAlreadyExists, imageTagAlreadyExists, imageDigestDoesNotMatch
        case layersNotFound, referencedImagesNotFound, imageReferencedByManifestList
        /// The image is in the archive, or on its way back from there.
        case imageArchived
        case storageClassUpdateNotSupported, lifecyclePreviewNotFound, lifecyclePreviewInProgress
        case manifestInvalid, manifestTooLarge
        /// A readable manifest that breaks a bound or a grammar of ours: too many descriptors, an invalid media type.
        case manifestOutOfBounds
        case blobUnknown, blobUploadUnknown, blobUploadOutOfOrder, digestInvalid, rangeNotSatisfiable
        /// Exceptions of ECR's layer API.
        case emptyUpload, layerPartTooSmall, layerAlreadyExists, layerInaccessible
        /// A blob that an image of the repository names cannot be deleted.
        case blobReferenced
        /// Stored bytes are missing or differ from what was sealed, and upstream cannot replace them.
        case contentDamaged
        case storageFull
        /// The disk, or the system it hangs on, refuses a read or write for now: try again.
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
        /// Upstream's answer is not what was asked for: wrong digest, wrong length, no manifest.
        case upstreamInvalid
        /// Upstream could not be asked for the referrers of a cached image: ECR has an exception for it.
        case unableToListUpstreamReferrers
        // Registry settings.
        case registryPolicyNotFound, signingConfigurationNotFound
        case exclusionAlreadyExists, exclusionNotFound
        case scanNotFound, unsupportedImageType
        // Keys.
        case kmsKeyNotFound, kmsKeyDisabled, kmsInvalidState, kmsAlreadyExists, kmsInvalidAliasName, kmsInvalidArn
        case kmsInvalidCiphertext, kmsIncorrectKey, kmsMalformedPolicy, kmsLimitExceeded, kmsUnsupported, kmsTagInvalid
        case kmsInvalidKeyUsage, kmsInvalidMarker, kmsInvalidGrantToken, kmsInvalidGrantID
        /// The grant by which a repository uses its key has been revoked.
        case kmsGrantRevoked
        // Secrets.
        case secretResourceNotFound, secretResourceExists, secretInvalidRequest, secretInvalidNextToken
        case secretLimitExceeded, publicPolicy, malformedResourcePolicy
        // Users, roles, groups and policies.
        case noSuchEntity, entityAlreadyExists, deleteConflict, iamLimitExceeded, iamInvalidInput
        case malformedPolicyDocument, policyNotAttachable
        /// An entity that AWS, or this server, keeps itself.
        case unmodifiableEntity
        case concurrentModification, entityTemporarilyUnmodifiable
        case openIDIdPCommunication
        // Sessions, and the web identities that ask for them.
        case invalidIdentityToken, idpRejectedClaim, idpCommunicationError, webIdentityExpired
        case packedPolicyTooLarge, invalidAuthorizationMessage, stsInvalidParameterValue
        // The program itself.
        case unsupported, throttled, shuttingDown
        /// The machine's clock has jumped: nothing that has a date is destroyed.
        case clockSuspect
    }
}
