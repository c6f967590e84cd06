package import HTTPTypes
package import NIOCore
package import WeirCore

/// A refusal of the `/v2/` door: a status, a code of the OCI distribution specification, a sentence.
///
/// This file holds the ONE table from `Refusal.Reason` to both; nowhere else in this door does a refusal become a status. Where
/// the specification and ECR differ, ECR's answer is given (docs/ecr.md, "Sentences").
package struct DistributionError: Error, Sendable, Equatable {
    package let status: HTTPResponse.Status
    package let code: String
    package let message: String
    package var retryAfter: Duration?
    /// The reason phrase, where it differs from the message.
    package var brief: String?

    /// The cause, for HTTP's reason phrase.
    package var phrase: String { brief ?? message }

    package init(_ status: HTTPResponse.Status, _ code: String, _ message: String) {
        self.status = status
        self.code = code
        self.message = message
    }

    package init(_ refusal: Refusal) {
        let row = Self.row(refusal.reason)
        self.init(row.status, row.code, refusal.message)
        retryAfter = refusal.retryAfter
        brief = refusal.brief
    }

    package init(_ problem: DistributionPath.Problem) {
        switch problem {
        case .notAnAddress:
            self.init(.notFound, "UNSUPPORTED", "The registry API has no such address")
        case .trick(let what):
            self.init(.badRequest, "NAME_INVALID", "The path is refused: \(what)")
        case .name(let error):
            self.init(error)
        }
    }

    package init(_ error: NameError) {
        let code =
            switch error.noun {
            case "digest": "DIGEST_INVALID"
            case "tag": "TAG_INVALID"
            default: "NAME_INVALID"
            }
        self.init(.badRequest, code, "Invalid request: \(error)")
    }

    /// `{"errors":[{"code":…,"message":…}]}`
    package var body: ByteBuffer {
        ByteBuffer(
            string: "{\"errors\":[{\"code\":\(JSONText.quoted(code)),\"message\":\(JSONText.quoted(message))}]}\n")
    }

    private typealias Row = (status: HTTPResponse.Status, code: String)

    /// RFC 4918's 507: the disk is full, and a retry will not help.
    private static let insufficientStorage = HTTPResponse.Status(code: 507, reasonPhrase: "Insufficient Storage")

    private static func row(_ reason: Refusal.Reason) -> Row {
        switch reason {
        // ECR's data plane answers these where its control plane has InvalidParameterException.
        case .invalidParameter, .validation, .malformedRequest, .malformedInput, .unknownOperation, .unsupported,
            .manifestInvalid,
            .imageReferencedByManifestList, .blobReferenced, .storageClassUpdateNotSupported, .lifecyclePreviewInProgress:
            (.methodNotAllowed, "UNSUPPORTED")
        case .manifestOutOfBounds: (.badRequest, "MANIFEST_INVALID")
        case .requestTooLarge, .manifestTooLarge: (.contentTooLarge, "SIZE_INVALID")
        case .authenticationMissing, .credentialsUnknown, .signatureInvalid, .credentialsExpired, .tokenInvalid:
            (.unauthorized, "UNAUTHORIZED")
        case .tokenExpired, .webIdentityExpired, .accessDenied, .limitExceeded: (.forbidden, "DENIED")
        case .repositoryNotFound, .repositoryPolicyNotFound, .lifecyclePolicyNotFound, .lifecyclePreviewNotFound,
            .cacheRuleNotFound, .templateNotFound:
            (.notFound, "NAME_UNKNOWN")
        case .repositoryAlreadyExists, .repositoryNotEmpty, .cacheRuleAlreadyExists, .templateAlreadyExists:
            (.conflict, "DENIED")
        case .tooManyTags, .invalidTagParameter, .unsupportedUpstreamRegistry: (.badRequest, "UNSUPPORTED")
        case .imageNotFound, .imageArchived: (.notFound, "MANIFEST_UNKNOWN")
        case .imageAlreadyExists, .imageTagAlreadyExists: (.badRequest, "TAG_INVALID")
        case .imageDigestDoesNotMatch, .digestInvalid: (.badRequest, "DIGEST_INVALID")
        case .emptyUpload, .layerPartTooSmall, .layerAlreadyExists: (.badRequest, "BLOB_UPLOAD_INVALID")
        case .layerInaccessible: (.notFound, "BLOB_UNKNOWN")
        case .layersNotFound, .referencedImagesNotFound: (.badRequest, "MANIFEST_BLOB_UNKNOWN")
        case .blobUnknown: (.notFound, "BLOB_UNKNOWN")
        case .blobUploadUnknown: (.notFound, "BLOB_UPLOAD_UNKNOWN")
        case .blobUploadOutOfOrder: (.rangeNotSatisfiable, "BLOB_UPLOAD_INVALID")
        case .rangeNotSatisfiable: (.rangeNotSatisfiable, "RANGE_INVALID")
        case .contentDamaged: (.internalServerError, "UNKNOWN")
        case .storageFull: (insufficientStorage, "UNAVAILABLE")
        // Never 404 for content that could not be fetched or made: clients and nodes remember that something does not exist.
        case .upstreamDenied, .secretNotFound, .unableToAccessSecret, .unableToDecryptSecretValue, .templateFailed:
            (.forbidden, "DENIED")
        case .upstreamRateLimited, .throttled: (.tooManyRequests, "TOOMANYREQUESTS")
        case .upstreamUnavailable, .storageUnavailable, .shuttingDown, .clockSuspect: (.serviceUnavailable, "UNAVAILABLE")
        case .upstreamInvalid: (.badGateway, "UNKNOWN")
        case .kmsKeyNotFound, .kmsKeyDisabled, .kmsInvalidState, .kmsGrantRevoked: (.forbidden, "DENIED")
        case .kmsAlreadyExists, .kmsInvalidAliasName, .kmsInvalidArn, .kmsInvalidCiphertext, .kmsIncorrectKey,
            .kmsMalformedPolicy, .kmsLimitExceeded, .kmsUnsupported, .kmsTagInvalid, .kmsInvalidKeyUsage, .kmsInvalidMarker,
            .kmsInvalidGrantToken, .kmsInvalidGrantID,
            .secretResourceNotFound, .secretResourceExists, .secretInvalidRequest, .secretInvalidNextToken,
            .secretLimitExceeded, .registryPolicyNotFound, .signingConfigurationNotFound, .exclusionAlreadyExists,
            .exclusionNotFound, .scanNotFound, .unsupportedImageType, .unableToListUpstreamReferrers, .publicPolicy,
            .malformedResourcePolicy, .noSuchEntity, .entityAlreadyExists, .deleteConflict, .iamLimitExceeded,
            .iamInvalidInput, .malformedPolicyDocument, .policyNotAttachable, .unmodifiableEntity,
            .concurrentModification, .entityTemporarilyUnmodifiable, .openIDIdPCommunication, .invalidIdentityToken,
            .idpRejectedClaim, .idpCommunicationError, .packedPolicyTooLarge, .invalidAuthorizationMessage,
            .stsInvalidParameterValue:
            (.badRequest, "UNSUPPORTED")
        }
    }
}
