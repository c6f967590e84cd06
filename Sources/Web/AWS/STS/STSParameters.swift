import WeirCore

/// The members of STS's operations, with the bounds and patterns of its service model.
extension AWSCall {
    package func sessionRoleARN() throws -> String { try input.string("RoleArn", length: 20...2_048, pattern: IAMPatterns.arn) }

    package func roleSessionName() throws -> String {
        try input.string("RoleSessionName", length: 2...64, pattern: IAMPatterns.sessionName)
    }

    /// The name of a federated user.
    package func federatedUserName() throws -> String {
        try input.string("Name", length: 2...32, pattern: IAMPatterns.sessionName)
    }

    /// Seconds; nil where it is left out.
    package func durationSeconds(_ range: ClosedRange<Int64>) throws -> Int64? {
        try input.optionalInteger("DurationSeconds", range)
    }

    /// A session policy's text. The model bounds that of AssumeRole elsewhere.
    package func sessionPolicy() throws -> String? {
        try input.optionalString("Policy", length: 1...2_048, pattern: IAMPatterns.document)
    }

    /// The ARNs of the managed policies that limit a session.
    package func sessionPolicyARNs() throws -> [String] {
        try input.optionalObjects("PolicyArns").map { list in
            try Violations.each(list) { try $0.string("arn", length: 20...2_048, pattern: IAMPatterns.arn) }
        } ?? []
    }

    package func transitiveTagKeys() throws -> [String] {
        try input.optionalStrings(
            "TransitiveTagKeys", count: 0...Parameters.mostTags, length: 1...128, pattern: IAMPatterns.tagKey) ?? []
    }

    package func externalID() throws -> String? {
        try input.optionalString("ExternalId", length: 2...1_224, pattern: IAMPatterns.externalID)
    }

    package func sourceIdentity() throws -> String? {
        try input.optionalString("SourceIdentity", length: 2...64, pattern: IAMPatterns.sessionName)
    }

    /// A secret: no refusal shows it.
    package func webIdentityToken() throws -> String {
        try input.string("WebIdentityToken", length: 4...20_000, isSecret: true)
    }

    /// The host of an OAuth 2.0 provider, which OpenID Connect does not need.
    package func providerID() throws -> String? { try input.optionalString("ProviderId", length: 4...2_048) }

    /// A key that may be anyone's.
    package func askedAccessKeyID() throws -> String {
        try input.string("AccessKeyId", length: 16...128, pattern: IAMPatterns.anyAccessKeyID)
    }

    /// A secret: it tells what a caller may.
    package func encodedMessage() throws -> String { try input.string("EncodedMessage", length: 1...10_240, isSecret: true) }
}
