package import WeirCore
package import WeirRegistry
package import WeirVault

/// The table of the KMS API: a row for each operation of botocore's model, also for those that this server does not have.
package enum KMSOperations {
    /// - Parameter repositories: lists the grants of repositories; nil where there are none.
    package static func table(
        keys: Keys, principals: any PrincipalPolicies, repositories: RepositoryGrants?
    ) -> [AWSOperation] {
        KeyOperations(keys: keys, principals: principals).table
            + KeyPolicyOperations(keys: keys, principals: principals).table
            + KeyNameOperations(keys: keys).table
            + KeyCipherOperations(keys: keys).table
            + GrantOperations(
                keys: keys, grants: Grants(keys: keys, principals: principals), repositories: repositories
            ).table
            + notYet.map(refused)
    }

    /// Operations that this server does not have: `UnsupportedOperationException`, so that no client tries again.
    package static let notYet = [
        "ConnectCustomKeyStore", "CreateCustomKeyStore", "DeleteCustomKeyStore",
        "DeleteImportedKeyMaterial", "DeriveSharedSecret", "DescribeCustomKeyStores", "DisconnectCustomKeyStore",
        "GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext", "GenerateMac", "GetKeyLastUsage",
        "GetParametersForImport", "GetPublicKey", "ImportKeyMaterial", "ReplicateKey", "Sign",
        "UpdateCustomKeyStore", "UpdatePrimaryRegion", "Verify", "VerifyMac",
    ]

    private static func refused(_ name: String) -> AWSOperation {
        AWSOperation(.kms, name, may: .none) { _ in
            throw Refusal(.kmsUnsupported, "This server does not have the KMS operation \(name) yet.")
        }
    }
}

/// The resources of KMS operations.
extension OperationPermission {
    /// The key that `KeyId` names, or that sealed `CiphertextBlob`.
    static let key = reading { call, action in [AccessDemand(action, on: .key(try call.keyDemand()))] }

    /// The same for a call that sets the key's policy.
    static let keyPolicy = reading { call, action in
        let bypasses = try call.input.optionalBool("BypassPolicyLockoutSafetyCheck") ?? false
        return [
            AccessDemand(
                action, on: .key(try call.keyDemand()),
                facts: ["kms:BypassPolicyLockoutSafetyCheck": [bypasses ? "true" : "false"]])
        ]
    }

    /// The same for a call that gives the key tags.
    static let keyTags = reading { call, action in
        let tags = try call.keyTags() ?? []
        return [AccessDemand(action, on: .key(try call.keyDemand()), facts: Access.facts(giving: tags))]
    }

    /// A new key, with the tags that it gets.
    static let newKey = reading { call, action in
        let tags = try call.keyTags() ?? []
        let bypasses = try call.input.optionalBool("BypassPolicyLockoutSafetyCheck") ?? false
        var facts = Access.facts(giving: tags)
        facts["kms:BypassPolicyLockoutSafetyCheck"] = [bypasses ? "true" : "false"]
        for (key, value) in [("KeySpec", "SYMMETRIC_DEFAULT"), ("KeyUsage", "ENCRYPT_DECRYPT"), ("KeyOrigin", "AWS_KMS")] {
            facts["kms:\(key)"] = [value]
        }
        return (tags.isEmpty ? [action] : [action, "kms:TagResource"]).map {
            AccessDemand($0, on: .own("*", in: call.registry), facts: facts)
        }
    }

    /// An alias, which only the caller's own policies speak of, and the key that it names or will name.
    static let alias = reading { call, action in
        let alias = try call.input.string("AliasName", length: 1...256)
        let named = try call.input.optionalString("TargetKeyId", length: AWSCall.keyNameLengths)
        var demands = [
            AccessDemand(action, on: .own(call.registry.arn("kms", alias), in: call.registry)),
            AccessDemand(action, on: .key(KeyDemand(.named(named ?? alias), in: call.registry))),
        ]
        // An alias that moves leaves one key for another.
        if named != nil, action == "kms:UpdateAlias" {
            demands.append(AccessDemand(action, on: .key(KeyDemand(.named(alias), in: call.registry))))
        }
        return demands
    }

    /// Two actions, neither of which has the operation's name.
    static let reencryption = reading { call, _ in
        let source = try call.keyDemand("SourceKeyId", context: "SourceEncryptionContext")
        let target = try call.keyDemand("DestinationKeyId", context: "DestinationEncryptionContext", sealedBy: nil)
        return [AccessDemand("kms:ReEncryptFrom", on: .key(source)), AccessDemand("kms:ReEncryptTo", on: .key(target))]
    }
}

extension AWSCall {
    /// The key that a member names by its id, an alias or an ARN; without it, the key that sealed `CiphertextBlob`.
    func keyDemand(
        _ member: String = "KeyId", context: String = "EncryptionContext", sealedBy blob: String? = "CiphertextBlob"
    ) throws -> KeyDemand {
        let name = try input.optionalString(member, length: Self.keyNameLengths)
        let bytes = name == nil ? try blob.flatMap { try input.optionalBlob($0) } : nil
        var demand = KeyDemand(name.map { .named($0) } ?? .sealer(of: bytes ?? []), in: registry)
        demand.context = try input.optionalStringMap(context) ?? [:]
        return demand
    }
}

/// The members that nearly all KMS operations have.
extension AWSCall {
    static let keyNameLengths = 1...2_048

    /// `KeyId`: an id, an ARN, or for some operations an alias.
    func keyName() throws -> String { try input.string("KeyId", length: Self.keyNameLengths) }

    /// `GrantTokens`, only checked: a grant counts as soon as it is made.
    func checkGrantTokens() throws {
        _ = try input.optionalStrings("GrantTokens", count: 0...10, length: 1...8_192)
    }

    /// The caller who must still be able to change the policy that this call sets; nil where `BypassPolicyLockoutSafetyCheck`
    /// allows a lockout.
    func policyAuthor() throws -> Caller? {
        try input.optionalBool("BypassPolicyLockoutSafetyCheck") ?? false ? nil : caller
    }

    /// A list of `{TagKey, TagValue}`.
    func keyTags() throws -> [ResourceTag]? {
        try input.optionalObjects("Tags")?.map { tag in
            ResourceTag(
                key: try tag.string("TagKey", length: 1...128), value: try tag.string("TagValue", length: 0...256))
        }
    }
}

/// The requested part of a list: `Limit` and `Marker`. A marker tells where the part before ended, and of which list.
struct MarkerRequest {
    let listing: String
    let after: String?
    let limit: Int

    /// Refuses a marker that this list did not return: taken for a position, it would skip items.
    init(_ input: Parameters, of listing: String, defaultLimit: Int) throws {
        self.listing = listing
        limit = Int(try input.optionalInteger("Limit", 1...1_000) ?? Int64(defaultLimit))
        let marker = try input.optionalString("Marker", length: 1...1_024)
        do {
            after = try marker.map { (text: String) in try PageToken(text, of: listing).cursor }
        } catch {
            throw Refusal(
                .kmsInvalidMarker, "The marker is none that \(listing) has answered. Ask for the list from its beginning.")
        }
    }

    func answer<Item>(_ page: VaultPage<Item>, as member: String, _ json: (Item) -> JSONValue) -> JSONValue {
        .members([
            member: .array(page.items.map(json)), "Truncated": .bool(page.next != nil),
            "NextMarker": page.next.map { .string(PageToken(cursor: $0).text(of: listing)) },
        ])
    }
}
