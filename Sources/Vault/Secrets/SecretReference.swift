import WeirCore

/// A secret's name in a request: its name, its ARN, or its ARN without the last six characters.
struct SecretReference: Sendable {
    /// The whole ARN, if the request gave one.
    let arn: String?
    /// The given name, or the part of the ARN after `secret:`, which may still have its six characters.
    let name: String
    let registry: RegistryID

    /// Throws for an ARN of another account or region: its secrets are not available here.
    init(_ text: String, in registry: RegistryID) throws(Refusal) {
        self.registry = registry
        guard text.hasPrefix("arn:") else {
            arn = nil
            name = text
            return
        }
        let prefix = registry.arn("secretsmanager", "secret:")
        // A secret of an earlier version of this server keeps the ARN that it was created with.
        let beginning = [prefix, RegistryID.formerARN(prefix)].first { text.hasPrefix($0) }
        guard let beginning else { throw .secretMissing }
        arn = text
        name = String(text.dropFirst(beginning.count))
    }

    func find(at now: Timestamp, _ sql: any SQLConnection) throws -> Secret? {
        if let arn, let secret = try SecretTable.find(arn: arn, at: now, sql) { return secret }
        return try SecretTable.find(name: name, in: registry, at: now, sql)
    }

    func require(at now: Timestamp, _ sql: any SQLConnection) throws -> Secret {
        guard let secret = try find(at: now, sql) else { throw Refusal.secretMissing }
        return secret
    }
}

/// The rules for a secret's name, and the ARN of a new one.
enum SecretName {
    static func check(_ name: String) throws(Refusal) {
        let isAllowed = name.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
            default: "-/_+=.@!".utf8.contains(byte)
            }
        }
        guard isAllowed, (1...512).contains(name.utf8.count) else {
            throw Refusal(
                .validation,
                "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!")
        }
    }

    static func newARN(for name: String, in registry: RegistryID) -> String {
        let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
        let suffix = String((0..<6).compactMap { _ in letters.randomElement() })
        return registry.arn("secretsmanager", "secret:\(name)-\(suffix)")
    }
}

extension Refusal {
    static let secretMissing = Refusal(.secretResourceNotFound, "Secrets Manager can't find the specified secret.")
}
