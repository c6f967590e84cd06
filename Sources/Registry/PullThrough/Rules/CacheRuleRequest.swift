package import WeirCore

/// A cache rule as a user asks for it. How long a prefix and an ARN may be has been checked where they were read.
package struct CacheRuleRequest: Sendable {
    package let prefix: Prefix
    package let upstreamURL: String
    package let kind: UpstreamKind?
    package let upstreamPrefix: Prefix?
    package let credentialARN: String?
    package let customRoleARN: String?

    package init(
        prefix: Prefix, upstreamURL: String, kind: UpstreamKind? = nil, upstreamPrefix: Prefix? = nil,
        credentialARN: String? = nil, customRoleARN: String? = nil
    ) {
        self.prefix = prefix
        self.upstreamURL = upstreamURL
        self.kind = kind
        self.upstreamPrefix = upstreamPrefix
        self.credentialARN = credentialARN
        self.customRoleARN = customRoleARN
    }

    /// The rule, or the refusal of one that ECR would not make. Does not check that the secret exists.
    func rule(in registry: RegistryID, _ policy: UpstreamPolicy, at now: Timestamp) throws(Refusal) -> CacheRule {
        let kind = try upstreamKind(policy.hosts)
        guard prefix != .root || upstreamPrefix ?? .root == .root else {
            throw .invalidParameter(
                "upstreamRepositoryPrefix",
                "An upstream repository prefix other than ROOT can be set only when the ECR repository prefix is not ROOT")
        }
        guard credentialARN != nil || !kind.needsSecret || policy.secrets == .optional else {
            throw Refusal(
                .unsupportedUpstreamRegistry,
                "The specified upstream registry requires authentication. "
                    + "Specify a valid Secrets Manager ARN containing the upstream registry credentials.")
        }
        if let credentialARN { try Self.check(credentialARN: credentialARN) }
        if let customRoleARN { try Self.check(customRoleARN: customRoleARN, in: registry) }
        return CacheRule(
            prefix: prefix, upstreamURL: upstreamURL, kind: kind, upstreamPrefix: upstreamPrefix,
            credentialARN: credentialARN, customRoleARN: customRoleARN, createdAt: now)
    }

    private func upstreamKind(_ hosts: UpstreamPolicy.Hosts) throws(Refusal) -> UpstreamKind {
        guard let known = UpstreamKind(host: upstreamURL) else {
            guard hosts == .any, Self.isHost(upstreamURL) else {
                throw Refusal(
                    .unsupportedUpstreamRegistry,
                    "The upstream registry URL \(upstreamURL.prefix(300)) is invalid. "
                        + "Specify a valid upstream registry URL and try again")
            }
            return kind ?? .other
        }
        guard kind == nil || kind == known else {
            throw .invalidParameter(
                "upstreamRegistry",
                "The upstream registry URL \(upstreamURL) belongs to the upstream registry \(known.rawValue)")
        }
        return known
    }

    /// A bare host, perhaps with a port: no scheme, no path, no user.
    private static func isHost(_ text: String) -> Bool {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard let host = parts.first, (1...253).contains(host.utf8.count) else { return false }
        if parts.count == 2 {
            guard let port = UInt16(parts[1]), port > 0, String(port) == parts[1] else { return false }
        }
        return host.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
            (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
                && label.utf8.allSatisfy {
                    (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == UInt8(ascii: "-")
                }
        }
    }
}

extension CacheRuleRequest {
    private static let credentialPattern =
        #"^arn:aws(-\w+)*:secretsmanager:[a-zA-Z0-9-:]+:secret:ecr\-pullthroughcache\/[a-zA-Z0-9\/_+=.@-]+$"#

    /// The form of a secret's ARN: only secrets named `ecr-pullthroughcache/…` can be used.
    static func check(credentialARN arn: String) throws(Refusal) {
        guard isCredentialARN(arn) else {
            throw .invalidParameter("credentialArn", "must satisfy regular expression '\(credentialPattern)'")
        }
    }

    private static func isCredentialARN(_ arn: String) -> Bool {
        let isWord = { (byte: UInt8) in
            (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
        }
        guard let service = arn.firstRange(of: ":secretsmanager:"),
            let name = arn.firstRange(of: ":secret:ecr-pullthroughcache/"), service.upperBound <= name.lowerBound,
            arn.hasPrefix("arn:aws")
        else { return false }
        let partition = arn[..<service.lowerBound].dropFirst("arn:aws".count)
        let place = arn[service.upperBound..<name.lowerBound]
        let rest = arn[name.upperBound...]
        return (partition.isEmpty || partition.first == "-") && partition.last != "-"
            && partition.utf8.allSatisfy { isWord($0) || $0 == 0x2d || $0 == 0x5f }
            && !place.isEmpty && place.utf8.allSatisfy { isWord($0) || $0 == 0x2d || $0 == 0x3a }
            && !rest.isEmpty && rest.utf8.allSatisfy { isWord($0) || "/_+=.@-".utf8.contains($0) }
    }

    /// A role of the registry's own account, as ECR demands. The upstream's client assumes it by STS `AssumeRole`, with the
    /// registry's account as the external id. It signs with the rule's secret, or without one with the server's own keys, where
    /// those serve this account.
    static func check(customRoleARN arn: String, in registry: RegistryID) throws(Refusal) {
        let parts = arn.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        guard parts.count == 6, parts[0] == "arn", parts[2] == "iam", parts[5].hasPrefix("role/"),
            parts[5].utf8.count > "role/".utf8.count
        else { throw .invalidParameter("customRoleArn", "Invalid ARN") }
        guard parts[4] == registry.account.description else {
            throw .invalidParameter(
                "customRoleArn", "The role must be in the same account as the registry, \(registry.account)")
        }
    }
}
