package import WeirCore

/// A refusal of the AWS door: an exception's name, its HTTP status and a sentence.
///
/// This file and `AWSError+Services.swift` hold the ONE table from `Refusal.Reason` to AWS's exceptions; nowhere else does a
/// refusal become a status. Each service has a row for each reason, and says nothing that its clients do not know.
package struct AWSError: Error, Sendable, Equatable {
    package let code: String
    package let status: Int
    package let message: String
    /// Members beside the message, such as `kmsError`.
    package let members: [String: JSONValue]

    package init(code: String, status: Int = 400, message: String, members: [String: JSONValue] = [:]) {
        self.code = code
        self.status = status
        self.message = message
        self.members = members
    }

    /// The exception that `service` has for a refusal.
    package init(_ refusal: Refusal, for service: AWSService) {
        let row = Self.row(refusal.reason, service)
        var members: [String: JSONValue] = [:]
        if row.code == "InvalidLayerPartException" { members = Self.lastGoodPart(refusal.facts) }
        if row.code == "KmsException", let kmsError = Self.kmsErrors[refusal.reason] { members["kmsError"] = .string(kmsError) }
        self.init(code: row.code, status: row.status, message: refusal.message, members: members)
    }

    /// The answer to an error that is this server's own fault. The log has the details.
    package static func failure(of service: AWSService) -> AWSError {
        let code =
            switch service {
            case .ecr, .weir: "ServerException"
            case .kms: "KMSInternalException"
            case .secretsmanager: "InternalServiceError"
            case .iam: "ServiceFailure"
            case .sts: "InternalFailure"
            }
        return AWSError(code: code, status: 500, message: "An internal error occurred. The server's log says more.")
    }

    struct Row {
        let code: String
        let status: Int
        init(_ code: String, _ status: Int = 400) {
            self.code = code
            self.status = status
        }
    }

    private static func row(_ reason: Refusal.Reason, _ service: AWSService) -> Row {
        switch service {
        case .ecr, .weir: ecr(reason)
        case .kms: kms(reason)
        case .secretsmanager: secrets(reason)
        case .iam: iam(reason)
        case .sts: sts(reason)
        }
    }

    static func ecr(_ reason: Refusal.Reason) -> Row {
        switch reason {
        case .invalidParameter, .imageReferencedByManifestList, .manifestInvalid, .manifestOutOfBounds,
            .manifestTooLarge, .blobReferenced, .publicPolicy, .malformedResourcePolicy, .noSuchEntity, .entityAlreadyExists,
            .deleteConflict, .iamInvalidInput, .malformedPolicyDocument, .policyNotAttachable, .unmodifiableEntity,
            .concurrentModification, .entityTemporarilyUnmodifiable, .openIDIdPCommunication, .invalidIdentityToken,
            .idpRejectedClaim, .idpCommunicationError, .packedPolicyTooLarge, .invalidAuthorizationMessage,
            .stsInvalidParameterValue:
            Row("InvalidParameterException")
        case .validation: Row("ValidationException")
        case .malformedRequest, .malformedInput: Row("SerializationException")
        case .unknownOperation: Row("UnknownOperationException")
        case .requestTooLarge: Row("RequestEntityTooLargeException", 413)
        case .authenticationMissing: Row("MissingAuthenticationTokenException")
        case .credentialsUnknown, .tokenInvalid: Row("UnrecognizedClientException")
        case .signatureInvalid: Row("InvalidSignatureException")
        case .credentialsExpired, .tokenExpired, .webIdentityExpired: Row("ExpiredTokenException")
        case .accessDenied: Row("AccessDeniedException")
        case .repositoryNotFound: Row("RepositoryNotFoundException")
        case .repositoryAlreadyExists: Row("RepositoryAlreadyExistsException")
        case .repositoryNotEmpty: Row("RepositoryNotEmptyException")
        case .repositoryPolicyNotFound: Row("RepositoryPolicyNotFoundException")
        case .lifecyclePolicyNotFound: Row("LifecyclePolicyNotFoundException")
        case .lifecyclePreviewNotFound: Row("LifecyclePolicyPreviewNotFoundException")
        case .lifecyclePreviewInProgress: Row("LifecyclePolicyPreviewInProgressException")
        case .imageArchived: Row("ImageArchivedException")
        case .storageClassUpdateNotSupported: Row("ImageStorageClassUpdateNotSupportedException")
        case .limitExceeded, .kmsLimitExceeded, .secretLimitExceeded, .iamLimitExceeded: Row("LimitExceededException")
        case .tooManyTags: Row("TooManyTagsException")
        case .invalidTagParameter, .kmsTagInvalid: Row("InvalidTagParameterException")
        case .imageNotFound: Row("ImageNotFoundException")
        case .imageAlreadyExists: Row("ImageAlreadyExistsException")
        case .imageTagAlreadyExists: Row("ImageTagAlreadyExistsException")
        case .imageDigestDoesNotMatch: Row("ImageDigestDoesNotMatchException")
        case .layersNotFound, .blobUnknown: Row("LayersNotFoundException")
        case .referencedImagesNotFound: Row("ReferencedImagesNotFoundException")
        case .blobUploadUnknown: Row("UploadNotFoundException")
        case .blobUploadOutOfOrder, .rangeNotSatisfiable: Row("InvalidLayerPartException")
        case .digestInvalid: Row("InvalidLayerException")
        case .emptyUpload: Row("EmptyUploadException")
        case .layerPartTooSmall: Row("LayerPartTooSmallException")
        case .layerAlreadyExists: Row("LayerAlreadyExistsException")
        case .layerInaccessible: Row("LayerInaccessibleException")
        case .cacheRuleNotFound: Row("PullThroughCacheRuleNotFoundException")
        case .cacheRuleAlreadyExists: Row("PullThroughCacheRuleAlreadyExistsException")
        case .unsupportedUpstreamRegistry: Row("UnsupportedUpstreamRegistryException")
        case .secretNotFound, .secretResourceNotFound: Row("SecretNotFoundException")
        case .unableToAccessSecret, .secretInvalidRequest, .secretResourceExists, .secretInvalidNextToken:
            Row("UnableToAccessSecretException")
        case .unableToDecryptSecretValue: Row("UnableToDecryptSecretValueException")
        case .templateNotFound: Row("TemplateNotFoundException")
        case .templateAlreadyExists: Row("TemplateAlreadyExistsException")
        case .templateFailed, .upstreamDenied, .upstreamRateLimited, .upstreamUnavailable, .upstreamInvalid:
            Row("UnableToGetUpstreamImageException")
        case .unableToListUpstreamReferrers: Row("UnableToListUpstreamImageReferrersException")
        case .registryPolicyNotFound: Row("RegistryPolicyNotFoundException")
        case .signingConfigurationNotFound: Row("SigningConfigurationNotFoundException")
        case .exclusionAlreadyExists: Row("ExclusionAlreadyExistsException")
        case .exclusionNotFound: Row("ExclusionNotFoundException")
        case .scanNotFound: Row("ScanNotFoundException")
        case .unsupportedImageType: Row("UnsupportedImageTypeException")
        case .kmsKeyNotFound, .kmsKeyDisabled, .kmsInvalidState, .kmsAlreadyExists, .kmsInvalidAliasName,
            .kmsInvalidArn, .kmsInvalidCiphertext, .kmsIncorrectKey, .kmsMalformedPolicy, .kmsUnsupported,
            .kmsInvalidKeyUsage, .kmsInvalidMarker, .kmsInvalidGrantToken, .kmsInvalidGrantID, .kmsGrantRevoked:
            Row("KmsException")
        case .contentDamaged, .storageFull: Row("ServerException", 500)
        // The same answer as from a server that is stopping, so that SDKs try again.
        case .storageUnavailable: Row("ServiceUnavailableException", 503)
        // A 4xx, so that neither an SDK nor Terraform tries again.
        case .unsupported: Row("UnsupportedOperationException")
        case .throttled: Row("ThrottlingException")
        case .shuttingDown: Row("ServiceUnavailableException", 503)
        case .clockSuspect: Row("ClockSuspectException")
        }
    }

    /// Tells a client that sends a layer in parts where to go on.
    private static func lastGoodPart(_ facts: [String: String]) -> [String: JSONValue] {
        let named = ["registryId": "registry.account", "repositoryName": "repository.name", "uploadId": "upload.id"]
        var members = named.compactMapValues { facts[$0].map { JSONValue.string($0) } }
        if let last = facts["upload.last_byte"].flatMap({ Int64($0) }) { members["lastValidByteReceived"] = .integer(last) }
        return members
    }

    /// KMS's own exceptions.
    static let kmsErrors: [Refusal.Reason: String] = [
        .kmsKeyNotFound: "NotFoundException", .kmsKeyDisabled: "DisabledException",
        .kmsInvalidState: "KMSInvalidStateException", .kmsAlreadyExists: "AlreadyExistsException",
        .kmsInvalidAliasName: "InvalidAliasNameException", .kmsInvalidArn: "InvalidArnException",
        .kmsInvalidCiphertext: "InvalidCiphertextException", .kmsIncorrectKey: "IncorrectKeyException",
        .kmsMalformedPolicy: "MalformedPolicyDocumentException", .kmsLimitExceeded: "LimitExceededException",
        .kmsUnsupported: "UnsupportedOperationException", .kmsTagInvalid: "TagException",
        .kmsInvalidKeyUsage: "InvalidKeyUsageException", .kmsInvalidMarker: "InvalidMarkerException",
        .kmsInvalidGrantToken: "InvalidGrantTokenException", .kmsInvalidGrantID: "InvalidGrantIdException",
        .kmsGrantRevoked: "AccessDeniedException",
    ]
}
