package import WeirCore

/// The members that many of IAM's operations have, with the bounds and patterns of its service model.
extension AWSCall {
    // MARK: Names and paths

    /// A user that exists.
    package func userName() throws -> String { try input.required("UserName", try optionalUserName()) }

    /// A user that exists. Where it is left out, the operation is about the caller.
    package func optionalUserName() throws -> String? { try input.optionalName("UserName", 1...128) }

    /// A user to be made, or one whose policies are attached or detached.
    package func shortUserName() throws -> String { try input.name("UserName", 1...64) }

    package func roleName() throws -> String { try input.name("RoleName", 1...64) }
    package func groupName() throws -> String { try input.name("GroupName", 1...128) }
    package func policyName() throws -> String { try input.name("PolicyName", 1...128) }
    package func instanceProfileName() throws -> String { try input.name("InstanceProfileName", 1...128) }

    /// `/` where it is left out.
    package func path() throws -> String { try optionalPath("Path") ?? "/" }

    /// `NewPath`, for example: nil leaves the path as it is.
    package func optionalPath(_ member: String) throws -> String? {
        try input.optionalString(member, length: 1...512, pattern: IAMPatterns.path)
    }

    /// A managed policy's path: `/` where it is left out.
    package func policyPath() throws -> String {
        try input.optionalString("Path", length: 1...512, pattern: IAMPatterns.policyPath) ?? "/"
    }

    /// `PathPrefix` of users, groups, roles and instance profiles: `/` where it is left out. It is a prefix of the text: `/team`
    /// is one of `/team1/` too.
    package func pathPrefix() throws -> String {
        try input.optionalString("PathPrefix", length: 1...512, pattern: IAMPatterns.pathPrefix) ?? "/"
    }

    /// `PathPrefix` of managed policies.
    package func policyPathPrefix() throws -> String {
        try input.optionalString("PathPrefix", length: 1...512, pattern: IAMPatterns.policyPath) ?? "/"
    }

    // MARK: ARNs and ids

    /// An ARN in a member such as `PolicyArn`. Whether it is one at all says the operation, in words of its own.
    package func arn(_ member: String) throws -> String { try input.required(member, try optionalARN(member)) }
    package func optionalARN(_ member: String) throws -> String? { try input.optionalString(member, length: 20...2_048) }

    package func accessKeyIDParameter() throws -> String {
        try input.string("AccessKeyId", length: 16...128, pattern: IAMPatterns.accessKeyID)
    }

    package func policyVersion() throws -> String { try input.string("VersionId", pattern: IAMPatterns.policyVersion) }

    package func accountAlias() throws -> String {
        try input.string("AccountAlias", length: 3...63, pattern: IAMPatterns.accountAlias)
    }

    // MARK: Documents and descriptions

    /// A policy document as it came: it is checked by its own reader.
    package func policyDocument(_ member: String) throws -> String {
        try input.required(member, try optionalPolicyDocument(member))
    }

    package func optionalPolicyDocument(_ member: String) throws -> String? {
        try input.optionalString(member, length: Self.documentLengths, pattern: IAMPatterns.document)
    }

    /// A list of them, for the simulator.
    package func optionalPolicyDocuments(_ member: String) throws -> [String]? {
        try input.optionalStrings(member, length: Self.documentLengths, pattern: IAMPatterns.document)
    }

    private static let documentLengths = 1...131_072

    package func roleDescription() throws -> String? {
        try input.optionalString("Description", length: 0...1_000, pattern: IAMPatterns.description)
    }

    package func policyDescription() throws -> String? { try input.optionalString("Description", length: 0...1_000) }

    /// Seconds.
    package func maxSessionDuration() throws -> Int64? { try input.optionalInteger("MaxSessionDuration", 3_600...43_200) }

    // MARK: Tags

    /// The tags of a new entity: none where they are left out.
    package func tags() throws -> [ResourceTag] { try input.tags("Tags") ?? [] }

    /// The tags of a call that sets them.
    package func requiredTags() throws -> [ResourceTag] { try input.required("Tags", try input.tags("Tags")) }

    package func tagKeys() throws -> [String] {
        try input.strings("TagKeys", count: 0...Parameters.mostTags, length: 1...128, pattern: IAMPatterns.tagKey)
    }
}

extension Parameters {
    /// The tags that one call may name.
    static let mostTags = 50

    /// A name of IAM's.
    package func name(_ member: String, _ length: ClosedRange<Int>) throws -> String {
        try required(member, try optionalName(member, length))
    }

    package func optionalName(_ member: String, _ length: ClosedRange<Int>) throws -> String? {
        try optionalString(member, length: length, pattern: IAMPatterns.name)
    }

    /// A list of `{Key, Value}`. Whether a key is there twice says the service.
    package func tags(_ member: String) throws -> [ResourceTag]? {
        try optionalObjects(member, count: 0...Self.mostTags).map { tags in
            try Violations.each(tags) { tag in
                let (key, value) = try tag.validated(
                    { try $0.string("Key", length: 1...128, pattern: IAMPatterns.tagKey) },
                    { try $0.string("Value", length: 0...256, pattern: IAMPatterns.tagValue) })
                return ResourceTag(key: key, value: value)
            }
        }
    }
}
