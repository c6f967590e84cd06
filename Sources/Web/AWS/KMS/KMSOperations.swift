import WeirCore
import WeirRegistry
package import WeirVault

/// The table of the KMS API: a row for each operation of botocore's model, also for those that this server does not have.
package enum KMSOperations {
    package static func table(keys: Keys) -> [AWSOperation] {
        KeyOperations(keys: keys).table
            + KeyPolicyOperations(keys: keys).table
            + KeyNameOperations(keys: keys).table
            + KeyCipherOperations(keys: keys).table
            + GrantOperations(keys: keys).table
            + notYet.map(refused)
    }

    /// Operations that this server does not have: `UnsupportedOperationException`, so that no client tries again.
    package static let notYet = [
        "ConnectCustomKeyStore", "CreateCustomKeyStore", "CreateGrant", "DeleteCustomKeyStore",
        "DeleteImportedKeyMaterial", "DeriveSharedSecret", "DescribeCustomKeyStores", "DisconnectCustomKeyStore",
        "GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext", "GenerateMac", "GetKeyLastUsage",
        "GetParametersForImport", "GetPublicKey", "ImportKeyMaterial", "ReplicateKey", "RetireGrant", "RevokeGrant", "Sign",
        "UpdateCustomKeyStore", "UpdatePrimaryRegion", "Verify", "VerifyMac",
    ]

    private static func refused(_ name: String) -> AWSOperation {
        AWSOperation(.kms, name, may: .none) { _ in
            throw Refusal(.kmsUnsupported, "This server does not have the KMS operation \(name) yet.")
        }
    }
}

/// The resources of KMS operations. A key's own policy and its grants are not evaluated: only the account's root can sign in.
extension OperationPermission {
    /// The key that `KeyId` names; all keys where the call may leave it out and does.
    static let key = own { try $0.keyResource("KeyId") ?? "*" }

    /// An alias, and the key that it will name.
    static let alias = reading { call, action in
        let alias = try call.input.string("AliasName", length: 1...256)
        let resources = [call.registry.arn("kms", alias), try call.keyResource("TargetKeyId")].compactMap { $0 }
        return resources.map { AccessDemand(action, on: .own($0, in: call.registry)) }
    }

    /// Two actions, neither of which has the operation's name.
    static let reencryption = reading { call, _ in
        let source = try call.keyResource("SourceKeyId") ?? "*"
        let target = try call.keyResource("DestinationKeyId") ?? "*"
        return [
            AccessDemand("kms:ReEncryptFrom", on: .own(source, in: call.registry)),
            AccessDemand("kms:ReEncryptTo", on: .own(target, in: call.registry)),
        ]
    }
}

extension AWSCall {
    /// The ARN of the key that a member names by its id, an alias or an ARN.
    fileprivate func keyResource(_ member: String) throws -> String? {
        guard let text = try input.optionalString(member, length: Self.keyNameLengths) else { return nil }
        if text.hasPrefix("arn:") { return text }
        return registry.arn("kms", text.hasPrefix("alias/") ? text : "key/\(text)")
    }
}

/// The members that nearly all KMS operations have.
extension AWSCall {
    static let keyNameLengths = 1...2_048

    /// `KeyId`: an id, an ARN, or for some operations an alias.
    func keyName() throws -> String { try input.string("KeyId", length: Self.keyNameLengths) }

    /// `GrantTokens`, only checked. They make a new grant count at once, and there are no grants here.
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
