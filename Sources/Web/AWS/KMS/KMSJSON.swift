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
        ])
    }

    static func alias(_ alias: KMSAlias) -> JSONValue {
        [
            "AliasName": .string(alias.name), "AliasArn": .string(alias.arn), "TargetKeyId": .string(alias.keyID),
            "CreationDate": .timestamp(alias.createdAt), "LastUpdatedDate": .timestamp(alias.updatedAt),
        ]
    }
}
