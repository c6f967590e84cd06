import WeirCore
import WeirVault

/// Encryption and decryption with a key.
struct KeyCipherOperations: Sendable {
    let keys: Keys

    private static let algorithm: JSONValue = "SYMMETRIC_DEFAULT"
    private static let plainLengths = 1...4_096
    private static let cipherLengths = 1...6_144

    var table: [AWSOperation] {
        [
            AWSOperation(.kms, "Encrypt", may: .key, encrypt),
            AWSOperation(.kms, "Decrypt", may: .key, decrypt),
            AWSOperation(.kms, "ReEncrypt", may: .reencryption, reencrypt),
            AWSOperation(.kms, "GenerateDataKey", may: .key) { try await dataKey($0, withPlaintext: true) },
            AWSOperation(.kms, "GenerateDataKeyWithoutPlaintext", may: .key) { try await dataKey($0, withPlaintext: false) },
            AWSOperation(.kms, "GenerateRandom", may: .account, random),
        ]
    }

    private func encrypt(_ call: AWSCall) async throws -> JSONValue {
        try Self.checkKind(call, algorithms: ["EncryptionAlgorithm"])
        let plain = try call.input.blob("Plaintext", length: Self.plainLengths)
        let (ciphertext, key) = try await keys.encrypt(
            plain, with: call.keyName(), context: Self.context(call.input, "EncryptionContext"), in: call.registry)
        return [
            "CiphertextBlob": .blob(ciphertext), "KeyId": .string(key.arn), "EncryptionAlgorithm": Self.algorithm,
        ]
    }

    private func decrypt(_ call: AWSCall) async throws -> JSONValue {
        try Self.checkKind(call, algorithms: ["EncryptionAlgorithm"])
        let ciphertext = try call.input.blob("CiphertextBlob", length: Self.cipherLengths)
        let (plain, key) = try await keys.decrypt(
            ciphertext, with: call.input.optionalString("KeyId", length: AWSCall.keyNameLengths),
            context: Self.context(call.input, "EncryptionContext"), in: call.registry)
        return .members([
            "Plaintext": .blob(plain), "KeyId": .string(key.arn), "EncryptionAlgorithm": Self.algorithm,
            "KeyMaterialId": key.materialID(sealing: ciphertext).map { .string($0) },
        ])
    }

    private func reencrypt(_ call: AWSCall) async throws -> JSONValue {
        try Self.checkKind(call, algorithms: ["SourceEncryptionAlgorithm", "DestinationEncryptionAlgorithm"])
        let ciphertext = try call.input.blob("CiphertextBlob", length: Self.cipherLengths)
        let target = try call.input.string("DestinationKeyId", length: AWSCall.keyNameLengths)
        let (plain, source) = try await keys.decrypt(
            ciphertext, with: call.input.optionalString("SourceKeyId", length: AWSCall.keyNameLengths),
            context: Self.context(call.input, "SourceEncryptionContext"), in: call.registry)
        let (sealed, key) = try await keys.encrypt(
            plain, with: target, context: Self.context(call.input, "DestinationEncryptionContext"), in: call.registry)
        return .members([
            "CiphertextBlob": .blob(sealed), "SourceKeyId": .string(source.arn), "KeyId": .string(key.arn),
            "SourceEncryptionAlgorithm": Self.algorithm, "DestinationEncryptionAlgorithm": Self.algorithm,
            "SourceKeyMaterialId": source.materialID(sealing: ciphertext).map { .string($0) },
            "DestinationKeyMaterialId": key.materialID(sealing: sealed).map { .string($0) },
        ])
    }

    private func dataKey(_ call: AWSCall, withPlaintext: Bool) async throws -> JSONValue {
        try Self.checkKind(call, algorithms: [])
        let bytes = try call.input.optionalInteger("NumberOfBytes", 1...1_024)
        let spec = try call.input.optionalChoice("KeySpec", DataKeySpec.self)
        let size: Int
        switch (bytes, spec) {
        case (let bytes?, nil): size = Int(bytes)
        case (nil, let spec?): size = spec == .aes256 ? 32 : 16
        case (nil, nil), (.some, .some):
            throw Refusal(.validation, "Please specify either number of bytes or key spec.")
        }
        let made = try await keys.generateDataKey(
            size: size, with: call.keyName(), context: Self.context(call.input, "EncryptionContext"),
            in: call.registry)
        return .members([
            "CiphertextBlob": .blob(made.ciphertext), "KeyId": .string(made.key.arn),
            "Plaintext": withPlaintext ? .blob(made.plain) : nil,
            "KeyMaterialId": made.key.materialID(sealing: made.ciphertext).map { .string($0) },
        ])
    }

    private func random(_ call: AWSCall) async throws -> JSONValue {
        try Self.checkKind(call, algorithms: [])
        return ["Plaintext": .blob(Keys.randomBytes(Int(try call.input.integer("NumberOfBytes", 1...1_024))))]
    }

    private enum DryRunModifier: String, CaseIterable { case ignoreCiphertext = "IGNORE_CIPHERTEXT" }

    private enum DataKeySpec: String, CaseIterable { case aes256 = "AES_256", aes128 = "AES_128" }

    private static func context(_ input: Parameters, _ member: String) throws -> [String: String] {
        try input.optionalStringMap(member) ?? [:]
    }

    private static func checkKind(_ call: AWSCall, algorithms: [String]) throws {
        let input = call.input
        try call.checkGrantTokens()
        _ = try input.optionalChoices("DryRunModifiers", DryRunModifier.self)
        for member in algorithms {
            if let algorithm = try input.optionalString(member), algorithm != "SYMMETRIC_DEFAULT" {
                throw Refusal(
                    .kmsInvalidKeyUsage, "\(member) \(algorithm.prefix(40)) does not fit the key: it is SYMMETRIC_DEFAULT.")
            }
        }
        for member in ["Recipient", "CustomKeyStoreId"] where input.has(member) {
            throw Refusal(.kmsUnsupported, "\(member) is not supported by this server.")
        }
        if try input.optionalBool("DryRun") ?? false {
            throw Refusal(.kmsUnsupported, "DryRun is not supported by this server.")
        }
    }
}
