import WeirCore
import WeirRegistry

/// The members that nearly all ECR operations have.
extension AWSCall {
    /// The registry that the call is for: the caller's own, or that of the account in `registryId`, in the same region.
    func askedRegistry() throws -> RegistryID {
        let account = try input.optionalNoun("registryId", pattern: Self.accountPattern) {
            (text: String) throws(NameError) in try AccountID(text)
        }
        return RegistryID(account: account ?? registry.account, region: registry.region)
    }

    static let accountPattern = "[0-9]{12}"
    static let digestPattern = "[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+"
    static let namePattern =
        #"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*"#
    static let prefixPattern =
        #"^([a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*\/?|ROOT)$"#
    static let nameLengths = 2...256

    func repositoryName() throws -> RepositoryName {
        try input.noun("repositoryName", length: Self.nameLengths, pattern: Self.namePattern) {
            (text: String) throws(NameError) in try RepositoryName(text)
        }
    }

    /// The repository that the call names, and its registry.
    func repository() throws -> (RepositoryName, RegistryID) {
        let home = try askedRegistry()
        return (try repositoryName(), home)
    }

    /// Tags and digests as raw text: a malformed one fails by itself, with a code.
    func imageIDs() throws -> [ImageIDRequest]? {
        try input.optionalObjects("imageIds", count: 1...100)?.map { id in
            ImageIDRequest(
                digest: try id.optionalString("imageDigest"), tag: try id.optionalString("imageTag", length: 1...300))
        }
    }

    /// `imageId`: one image, by digest or tag.
    func imageID() throws -> ImageIDRequest {
        let id = try input.object("imageId")
        return ImageIDRequest(
            digest: try id.optionalString("imageDigest"), tag: try id.optionalString("imageTag", length: 1...300))
    }

    func repositoryNames(_ member: String) throws -> [RepositoryName]? {
        try input.optionalNouns(member, count: 1...100, length: Self.nameLengths, pattern: Self.namePattern) {
            (text: String) throws(NameError) in try RepositoryName(text)
        }
    }

    func prefix(_ member: String, lengths: ClosedRange<Int>) throws -> Prefix {
        try input.required(member, try optionalPrefix(member, lengths: lengths))
    }

    func optionalPrefix(_ member: String, lengths: ClosedRange<Int>) throws -> Prefix? {
        try input.optionalNoun(member, length: lengths, pattern: Self.prefixPattern) {
            (text: String) throws(NameError) in try Prefix(text, lengths: lengths)
        }
    }

    func prefixes(_ member: String, count: ClosedRange<Int>?, lengths: ClosedRange<Int>) throws -> [Prefix]? {
        try input.optionalNouns(member, count: count, length: lengths, pattern: Self.prefixPattern) {
            (text: String) throws(NameError) in try Prefix(text, lengths: lengths)
        }
    }

    /// A list of `{Key, Value}`. The service checks lengths and numbers, for which AWS has exceptions of their own.
    func resourceTags(_ member: String) throws -> [ResourceTag]? {
        try input.optionalObjects(member)?.map { tag in
            ResourceTag(key: try tag.string("Key"), value: try tag.string("Value"))
        }
    }
}

extension Parameters {
    /// `imageTagMutability` with its filters; nil where neither is given. The service checks whether they fit together.
    func tagMutability() throws -> TagMutability? {
        let filters = try exclusionFilters()
        guard let setting = try tagMutabilitySetting() else {
            // Filters alone would have no effect.
            guard filters == nil else {
                throw Refusal.invalidParameter(
                    "imageTagMutabilityExclusionFilters",
                    "ImageTagMutabilityExclusionFilters can't be set without imageTagMutability")
            }
            return nil
        }
        return TagMutability(setting, excluding: filters ?? [])
    }

    func tagMutabilitySetting() throws -> TagMutability.Setting? {
        try optionalChoice(
            "imageTagMutability",
            listed: ["IMMUTABLE", "MUTABLE", "MUTABLE_WITH_EXCLUSION", "IMMUTABLE_WITH_EXCLUSION"])
    }

    func exclusionFilters() throws -> [String]? {
        try optionalObjects("imageTagMutabilityExclusionFilters", count: 1...5)?.map { filter in
            _ = try filter.choice("filterType", ExclusionFilterType.self)
            return try filter.string("filter", length: 1...128, pattern: Self.filterPattern)
        }
    }

    private enum ExclusionFilterType: String, CaseIterable { case wildcard = "WILDCARD" }

    private static let filterPattern = Pattern("^[0-9a-zA-Z._*-]{1,128}$") { text in
        text.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
            default: [UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "*"), UInt8(ascii: "-")].contains(byte)
            }
        }
    }
}
