import WeirCore

/// The rows of the services beside ECR. A reason that belongs to another service alone is the service's general refusal of a
/// request.
extension AWSError {
    // MARK: KMS and Secrets Manager

    static func kms(_ reason: Refusal.Reason) -> Row {
        if let code = kmsErrors[reason] { return Row(code) }
        return switch reason {
        case .invalidParameter: Row("ValidationException")
        case .tooManyTags, .invalidTagParameter: Row("TagException")
        case .limitExceeded: Row("LimitExceededException")
        case .malformedPolicyDocument, .malformedResourcePolicy: Row("MalformedPolicyDocumentException")
        case .contentDamaged, .storageFull, .storageUnavailable: Row("KMSInternalException", 500)
        default: common(reason) ?? Row("ValidationException")
        }
    }

    static func secrets(_ reason: Refusal.Reason) -> Row {
        switch reason {
        case .secretResourceNotFound, .secretNotFound: Row("ResourceNotFoundException")
        case .secretResourceExists: Row("ResourceExistsException")
        case .secretInvalidRequest, .tooManyTags, .unableToAccessSecret: Row("InvalidRequestException")
        case .invalidParameter, .invalidTagParameter: Row("InvalidParameterException")
        case .limitExceeded, .secretLimitExceeded: Row("LimitExceededException")
        case .publicPolicy: Row("PublicPolicyException")
        case .malformedResourcePolicy, .malformedPolicyDocument: Row("MalformedPolicyDocumentException")
        case .secretInvalidNextToken: Row("InvalidNextTokenException")
        case .unableToDecryptSecretValue: Row("DecryptionFailure")
        case .kmsKeyNotFound, .kmsKeyDisabled, .kmsInvalidState, .kmsInvalidArn, .kmsInvalidKeyUsage:
            Row("EncryptionFailure")
        case .contentDamaged, .storageFull, .storageUnavailable: Row("InternalServiceError", 500)
        default: common(reason) ?? Row("InvalidRequestException")
        }
    }

    /// What every service that speaks JSON says in the same words, ECR too.
    private static func common(_ reason: Refusal.Reason) -> Row? {
        switch reason {
        case .validation, .malformedRequest, .malformedInput, .unknownOperation, .requestTooLarge, .authenticationMissing,
            .credentialsUnknown, .tokenInvalid, .signatureInvalid, .credentialsExpired, .tokenExpired, .accessDenied,
            .unsupported, .throttled, .shuttingDown, .clockSuspect:
            ecr(reason)
        default: nil
        }
    }

    // MARK: IAM and STS

    static func iam(_ reason: Refusal.Reason) -> Row {
        switch reason {
        case .noSuchEntity: Row("NoSuchEntity", 404)
        case .entityAlreadyExists: Row("EntityAlreadyExists", 409)
        case .deleteConflict: Row("DeleteConflict", 409)
        case .iamLimitExceeded, .limitExceeded: Row("LimitExceeded", 409)
        case .concurrentModification: Row("ConcurrentModification", 409)
        case .entityTemporarilyUnmodifiable: Row("EntityTemporarilyUnmodifiable", 409)
        case .iamInvalidInput, .tooManyTags, .invalidTagParameter: Row("InvalidInput")
        case .malformedPolicyDocument, .malformedResourcePolicy: Row("MalformedPolicyDocument")
        case .unmodifiableEntity: Row("UnmodifiableEntity")
        case .policyNotAttachable: Row("PolicyNotAttachable")
        case .openIDIdPCommunication, .idpCommunicationError: Row("OpenIdIdpCommunicationError")
        case .contentDamaged, .storageFull: Row("ServiceFailure", 500)
        default: query(reason)
        }
    }

    /// Its exceptions are called as the model calls them: some with `Exception` at their end, some without.
    static func sts(_ reason: Refusal.Reason) -> Row {
        switch reason {
        case .malformedPolicyDocument: Row("MalformedPolicyDocument")
        case .packedPolicyTooLarge: Row("PackedPolicyTooLarge")
        case .invalidIdentityToken: Row("InvalidIdentityToken")
        case .idpRejectedClaim: Row("IDPRejectedClaim", 403)
        case .idpCommunicationError, .openIDIdPCommunication: Row("IDPCommunicationError")
        // The web identity's token: that of the caller's own session is `ExpiredToken`.
        case .webIdentityExpired: Row("ExpiredTokenException")
        case .invalidAuthorizationMessage: Row("InvalidAuthorizationMessageException")
        case .stsInvalidParameterValue: Row("InvalidParameterValue")
        case .contentDamaged, .storageFull: Row("InternalFailure", 500)
        default: query(reason)
        }
    }

    /// What both say, with 403 where the caller is not admitted.
    private static func query(_ reason: Refusal.Reason) -> Row {
        switch reason {
        case .malformedRequest: Row("MalformedQueryString")
        case .malformedInput: Row("MalformedInput")
        case .unknownOperation: Row("InvalidAction")
        case .requestTooLarge: Row("RequestEntityTooLarge", 413)
        case .authenticationMissing: Row("MissingAuthenticationToken", 403)
        case .credentialsUnknown, .tokenInvalid: Row("InvalidClientTokenId", 403)
        case .signatureInvalid: Row("SignatureDoesNotMatch", 403)
        case .credentialsExpired, .tokenExpired: Row("ExpiredToken", 403)
        case .accessDenied: Row("AccessDenied", 403)
        case .throttled: Row("Throttling")
        case .shuttingDown, .storageUnavailable: Row("ServiceUnavailable", 503)
        case .unsupported, .clockSuspect: ecr(reason)
        default: Row("ValidationError")
        }
    }
}
