import WeirCore

/// A key's name in a request: an id, an ARN, an alias or an alias's ARN.
enum KeyReference: Sendable, Equatable {
    case id(String)
    /// Including `alias/`.
    case alias(String)

    /// Throws for an ARN of another account or region: its keys are not available here.
    init(_ text: String, in registry: RegistryID) throws(Refusal) {
        let name: String
        if text.hasPrefix("arn:") {
            name = try Self.resource(of: text, in: registry)
        } else {
            name = text
        }
        if name.hasPrefix("alias/") {
            self = .alias(name)
        } else {
            let id = text.hasPrefix("arn:") ? String(name.dropFirst("key/".count)) : name
            guard Self.isID(id) else { throw Refusal(.kmsKeyNotFound, "Invalid keyId '\(id.prefix(200))'") }
            self = .id(id)
        }
    }

    /// As `init`, for operations that change a key. KMS refuses an alias there, since it may have been moved a moment ago.
    static func key(_ text: String, in registry: RegistryID) throws(Refusal) -> KeyReference {
        let reference = try KeyReference(text, in: registry)
        guard case .id = reference else {
            throw Refusal(.kmsInvalidArn, "\(text.prefix(300)) is an alias: name the key by its key ID or its ARN.")
        }
        return reference
    }

    /// `key/ID` or `alias/NAME`.
    private static func resource(of arn: String, in registry: RegistryID) throws(Refusal) -> String {
        let parts = arn.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        guard parts.count == 6, parts[2] == "kms" else {
            throw Refusal(.kmsInvalidArn, "Invalid arn \(arn.prefix(200))")
        }
        // KMS's own sentence, which repeats the region whichever part does not match.
        guard parts[3] == registry.region.description,
            parts[1] == registry.region.partition || parts[1] == registry.region.formerPartition
        else {
            throw Refusal(.kmsKeyNotFound, "Invalid arn \(parts[3])")
        }
        guard parts[4] == registry.account.description else { throw .keyMissing(String(arn.prefix(300))) }
        guard parts[5].hasPrefix("key/") || parts[5].hasPrefix("alias/") else {
            throw Refusal(.kmsInvalidArn, "Invalid arn \(arn.prefix(200))")
        }
        return String(parts[5])
    }

    /// A UUID in lower case.
    private static func isID(_ text: String) -> Bool {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        return parts.map(\.utf8.count) == [8, 4, 4, 4, 12]
            && parts.allSatisfy { part in
                part.utf8.allSatisfy { ($0 >= 0x30 && $0 <= 0x39) || ($0 >= 0x61 && $0 <= 0x66) }
            }
    }

    /// The key. Throws the refusal that names what is missing.
    func find(in registry: RegistryID, _ sql: any SQLConnection) throws -> KMSKey {
        switch self {
        case .id(let id):
            guard let key = try KeyTable.find(id, in: registry, sql) else {
                throw Refusal.keyMissing(registry.arn("kms", "key/\(id)"))
            }
            return key
        case .alias(let name):
            guard let alias = try AliasTable.find(name, in: registry, sql),
                let key = try KeyTable.find(alias.keyID, in: registry, sql)
            else { throw Refusal.aliasMissing(name, in: registry) }
            return key
        }
    }
}

extension Refusal {
    static func aliasMissing(_ name: String, in registry: RegistryID) -> Self {
        Refusal(.kmsKeyNotFound, "Alias \(registry.arn("kms", name)) is not found.")
    }
}
