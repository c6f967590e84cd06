import WeirCore
import WeirVault

extension JSONValue {
    /// KMS's `KeyMetadata`.
    static func metadata(of key: KMSKey) -> JSONValue {
        .members([
            "AWSAccountId": .string(key.registry.account.description),
            "KeyId": .string(key.id),
            "Arn": .string(key.arn),
            "CreationDate": .timestamp(key.createdAt),
            "Enabled": .bool(key.state == .enabled),
            "Description": .string(key.description),
            "KeyUsage": "ENCRYPT_DECRYPT",
            "KeyState": .string(key.state.rawValue),
            "DeletionDate": key.deletionAt.map { .timestamp($0) },
            "Origin": "AWS_KMS",
            "KeyManager": .string(key.manager.rawValue),
            "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
            "KeySpec": "SYMMETRIC_DEFAULT",
            "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
            "MultiRegion": false,
            "CurrentKeyMaterialId": .string(key.currentMaterialID),
        ])
    }

    /// An alias without a key has no dates.
    static func alias(_ listed: ListedAlias) -> JSONValue {
        let names = JSONValue.object(["AliasName": .string(listed.name), "AliasArn": .string(listed.arn)])
        guard case .named(let alias) = listed else { return names }
        return names.adding([
            "TargetKeyId": .string(alias.keyID), "CreationDate": .timestamp(alias.createdAt),
            "LastUpdatedDate": .timestamp(alias.updatedAt),
        ])
    }

    /// A `RotationsListEntry`. The first version did not come from a rotation.
    static func rotation(_ material: KMSKey.Material, of key: KMSKey) -> JSONValue {
        let id = key.materialID(version: material.version)
        return .members([
            "KeyId": .string(key.id), "KeyMaterialId": .string(id),
            "KeyMaterialState": .string(id == key.currentMaterialID ? "CURRENT" : "NON_CURRENT"),
            "RotationDate": material.isFirst ? nil : .timestamp(material.createdAt),
            "RotationType": material.isFirst ? nil : .string(material.isOnDemand ? "ON_DEMAND" : "AUTOMATIC"),
        ])
    }
}
