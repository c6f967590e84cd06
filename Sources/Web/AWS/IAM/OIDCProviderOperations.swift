import WeirCore
import WeirIdentity
import WeirRegistry

/// OpenID Connect providers: the issuers whose web identity tokens an account's roles may trust.
struct OIDCProviderOperations: Sendable {
    let providers: OIDCProviders
    let partition: String

    var table: [AWSOperation] {
        [
            AWSOperation(.iam, "CreateOpenIDConnectProvider", may: mayCreate, { try await create($0) }),
            AWSOperation(.iam, "GetOpenIDConnectProvider", may: on(), { try await provider($0) }),
            AWSOperation(.iam, "ListOpenIDConnectProviders", may: .account, { try await list($0) }),
            AWSOperation(
                .iam, "DeleteOpenIDConnectProvider", may: on(),
                doing: { try await providers.delete(Self.arn($0), in: $0.caller.account) }),
            AWSOperation(
                .iam, "AddClientIDToOpenIDConnectProvider", may: on(reading: { _ = try Self.clientID($0) }),
                doing: { try await providers.addClientID(Self.clientID($0), to: Self.arn($0), in: $0.caller.account) }),
            AWSOperation(
                .iam, "RemoveClientIDFromOpenIDConnectProvider", may: on(reading: { _ = try Self.clientID($0) }),
                doing: { try await providers.removeClientID(Self.clientID($0), from: Self.arn($0), in: $0.caller.account) }),
            AWSOperation(
                .iam, "UpdateOpenIDConnectProviderThumbprint", may: on(reading: { _ = try Self.newThumbprints($0) }),
                doing: { try await providers.setThumbprints(Self.newThumbprints($0), of: Self.arn($0), in: $0.caller.account) }),
            AWSOperation(
                .iam, "TagOpenIDConnectProvider", may: on({ Access.facts(giving: try $0.requiredTags()) }),
                doing: { try await providers.tag(Self.arn($0), $0.requiredTags(), in: $0.caller.account) }),
            AWSOperation(
                .iam, "UntagOpenIDConnectProvider", may: on({ Access.facts(naming: try $0.tagKeys()) }),
                doing: { try await providers.untag(Self.arn($0), $0.tagKeys(), in: $0.caller.account) }),
            AWSOperation(.iam, "ListOpenIDConnectProviderTags", may: on(), { try await tags($0) }),
        ]
    }

    // MARK: Who may

    private func on(
        _ facts: @escaping @Sendable (AWSCall) throws -> [String: [String]] = { _ in [:] },
        reading read: @escaping @Sendable (AWSCall) throws -> Void = { _ in }
    ) -> OperationPermission {
        PolicyPermission.on { call in
            let arn = try Self.arn(call)
            try read(call)
            let known = try await providers.provider(arn: arn)
            let tags = known?.account == call.caller.account ? known?.tags ?? [] : []
            return PolicyPermission.Target(
                arn: PolicyPermission.canonical(arn, in: partition),
                facts: PolicyPermission.tagged(tags).merging(try facts(call)) { $0 + $1 })
        }
    }

    private var mayCreate: OperationPermission {
        PolicyPermission.making { call in
            let new = try New(call)
            let name = new.url.hasPrefix("https://") ? String(new.url.dropFirst("https://".count)) : new.url
            return ("arn:\(partition):iam::\(call.caller.account):oidc-provider/\(name)", new.tags)
        }
    }

    // MARK: The operations

    private struct New: Sendable {
        let url: String
        let clientIDs: [String]
        let thumbprints: [String]
        let tags: [ResourceTag]

        init(_ call: AWSCall) throws {
            let (url, clientIDs, thumbprints, tags) = try call.validated(
                { try $0.input.string("Url", length: 1...255) },
                { try $0.input.optionalStrings("ClientIDList", length: 1...255) },
                { try OIDCProviderOperations.thumbprints($0) }, { try $0.tags() })
            self.url = url
            self.clientIDs = clientIDs ?? []
            self.thumbprints = thumbprints ?? []
            self.tags = tags
        }
    }

    private static func arn(_ call: AWSCall) throws -> String { try call.arn("OpenIDConnectProviderArn") }

    private static func clientID(_ call: AWSCall) throws -> String { try call.input.string("ClientID", length: 1...255) }

    private static func thumbprints(_ call: AWSCall) throws -> [String]? {
        try call.input.optionalStrings("ThumbprintList", length: 40...40)
    }

    private static func newThumbprints(_ call: AWSCall) throws -> [String] {
        try call.input.required("ThumbprintList", try thumbprints(call))
    }

    private func create(_ call: AWSCall) async throws -> JSONValue {
        let new = try New(call)
        let provider = try await providers.create(
            new.url, clientIDs: new.clientIDs, thumbprints: new.thumbprints, tags: new.tags, in: call.caller.account)
        return .members([
            "OpenIDConnectProviderArn": .string(provider.arn(partition: partition)),
            "Tags": provider.tags.isEmpty ? nil : .tagList(provider.tags),
        ])
    }

    private func provider(_ call: AWSCall) async throws -> JSONValue {
        let provider = try await providers.provider(arn: Self.arn(call), in: call.caller.account)
        return [
            "Url": .string(provider.name), "ClientIDList": .array(provider.clientIDs.map { .string($0) }),
            "ThumbprintList": .array(provider.thumbprints.map { .string($0) }), "CreateDate": .moment(provider.createdAt),
            "Tags": .tagList(provider.tags),
        ]
    }

    private func list(_ call: AWSCall) async throws -> JSONValue {
        let all = try await providers.list(in: call.caller.account)
        return ["OpenIDConnectProviderList": .array(all.map { ["Arn": .string($0.arn(partition: partition))] })]
    }

    private func tags(_ call: AWSCall) async throws -> JSONValue {
        let arn = try Self.arn(call)
        let provider = try await providers.provider(arn: arn, in: call.caller.account)
        return try call.page(ofTags: provider.tags, listing: "ListOpenIDConnectProviderTags \(arn)")
    }
}
