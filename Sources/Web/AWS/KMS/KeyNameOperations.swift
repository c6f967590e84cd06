import WeirCore
import WeirVault

/// Aliases and tags of keys.
struct KeyNameOperations: Sendable {
    let keys: Keys

    var table: [AWSOperation] {
        [
            AWSOperation(.kms, "CreateAlias", may: .alias, create),
            AWSOperation(.kms, "UpdateAlias", may: .alias, update),
            AWSOperation(.kms, "DeleteAlias", may: .alias, delete),
            AWSOperation(.kms, "ListAliases", may: .account, list),
            AWSOperation(.kms, "TagResource", may: .keyTags, tag),
            AWSOperation(.kms, "UntagResource", may: .key, untag),
            AWSOperation(.kms, "ListResourceTags", may: .key, listTags),
        ]
    }

    private func create(_ call: AWSCall) async throws -> JSONValue {
        try await keys.createAlias(Self.name(call), for: Self.target(call), in: call.registry)
        return [:]
    }

    private func update(_ call: AWSCall) async throws -> JSONValue {
        try await keys.updateAlias(Self.name(call), to: Self.target(call), in: call.registry)
        return [:]
    }

    private func delete(_ call: AWSCall) async throws -> JSONValue {
        try await keys.deleteAlias(Self.name(call), in: call.registry)
        return [:]
    }

    private static func name(_ call: AWSCall) throws -> String {
        try call.input.string(
            "AliasName", length: 1...256, pattern: Pattern(KMSAlias.pattern) { KMSAlias.fitsPattern($0) })
    }

    private static func target(_ call: AWSCall) throws -> String {
        try call.input.string("TargetKeyId", length: AWSCall.keyNameLengths)
    }

    private func list(_ call: AWSCall) async throws -> JSONValue {
        let part = try MarkerRequest(call.input, of: "ListAliases", defaultLimit: 50)
        let key = try call.input.optionalString("KeyId", length: AWSCall.keyNameLengths)
        let page = try await keys.aliases(of: key, in: call.registry, after: part.after, limit: part.limit)
        return part.answer(page, as: "Aliases") { .alias($0) }
    }

    private func tag(_ call: AWSCall) async throws -> JSONValue {
        let tags = try call.input.required("Tags", try call.keyTags())
        try await keys.tag(call.keyName(), in: call.registry, with: tags)
        return [:]
    }

    private func untag(_ call: AWSCall) async throws -> JSONValue {
        let names = try call.input.strings("TagKeys", length: 1...128)
        try await keys.untag(call.keyName(), in: call.registry, names)
        return [:]
    }

    /// A key has 50 tags at most: one page holds them all, unless the call asks for a smaller one.
    private func listTags(_ call: AWSCall) async throws -> JSONValue {
        let part = try MarkerRequest(call.input, of: "ListResourceTags", defaultLimit: 50)
        let tags = try await keys.tags(of: call.keyName(), in: call.registry)
            .drop { tag in part.after.map { tag.key <= $0 } ?? false }
        let shown = tags.prefix(part.limit)
        let page = VaultPage(items: Array(shown), next: tags.count > part.limit ? shown.last?.key : nil)
        return part.answer(page, as: "Tags") { ["TagKey": .string($0.key), "TagValue": .string($0.value)] }
    }
}
