import WeirCore
package import WeirVault

/// The table of the KMS API: a row for each operation of botocore's model, the ones that are not here included.
package enum KMSOperations {
    package static func table(keys: Keys) -> [AWSOperation] {
        KeyOperations(keys: keys).table
            + KeyPolicyOperations(keys: keys).table
            + KeyNameOperations(keys: keys).table
            + KeyCipherOperations(keys: keys).table
            + notYet.map(refused)
    }

    /// What KMS has and this server does not: `UnsupportedOperationException`, so that no client tries again.
    package static let notYet = [
        "ConnectCustomKeyStore", "CreateCustomKeyStore", "CreateGrant", "DeleteCustomKeyStore",
        "DeleteImportedKeyMaterial", "DeriveSharedSecret", "DescribeCustomKeyStores", "DisconnectCustomKeyStore",
        "GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext", "GenerateMac", "GetKeyLastUsage",
        "GetParametersForImport", "GetPublicKey", "ImportKeyMaterial", "ListGrants", "ListKeyRotations",
        "ListRetirableGrants", "ReplicateKey", "RetireGrant", "RevokeGrant", "RotateKeyOnDemand", "Sign",
        "UpdateCustomKeyStore", "UpdatePrimaryRegion", "Verify", "VerifyMac",
    ]

    private static func refused(_ name: String) -> AWSOperation {
        AWSOperation(.kms, name) { _ in
            throw Refusal(.kmsUnsupported, "This server does not have the KMS operation \(name) yet.")
        }
    }
}

/// What nearly all KMS operations read of their input.
extension AWSCall {
    static let keyNameLengths = 1...2_048

    /// `KeyId`: an id, an ARN, or for some operations an alias.
    func keyName() throws -> String { try input.string("KeyId", length: Self.keyNameLengths) }

    /// A list of `{TagKey, TagValue}`.
    func keyTags() throws -> [ResourceTag]? {
        try input.optionalObjects("Tags")?.map { tag in
            ResourceTag(
                key: try tag.string("TagKey", length: 1...128), value: try tag.string("TagValue", length: 0...256))
        }
    }
}

/// Which part of a list is asked for: `Limit` and `Marker`. A marker is the last item of the part before.
struct MarkerRequest {
    let after: String?
    let limit: Int

    init(_ input: Parameters, defaultLimit: Int) throws {
        limit = Int(try input.optionalInteger("Limit", 1...1_000) ?? Int64(defaultLimit))
        after = try input.optionalString("Marker", length: 1...1_024)
    }

    func answer<Item>(_ page: VaultPage<Item>, as member: String, _ json: (Item) -> JSONValue) -> JSONValue {
        .members([
            member: .array(page.items.map(json)), "Truncated": .bool(page.next != nil),
            "NextMarker": page.next.map { .string($0) },
        ])
    }
}
