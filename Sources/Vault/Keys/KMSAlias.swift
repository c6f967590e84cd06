package import WeirCore

/// A name for a key. It can be moved to another key.
package struct KMSAlias: Sendable, Hashable {
    package let registry: RegistryID
    /// With `alias/` in front.
    package let name: String
    package let keyID: String
    package let createdAt: Timestamp
    package let updatedAt: Timestamp

    package var arn: String { registry.arn("kms", name) }

    /// What AWS keeps for the keys that it makes itself.
    static let reservedPrefix = "alias/aws/"

    /// Throws unless users may make an alias of this name.
    static func check(_ name: String) throws(Refusal) {
        guard name.hasPrefix("alias/"), name.utf8.count > "alias/".utf8.count else {
            throw Refusal(
                .kmsInvalidAliasName,
                "Alias must start with the prefix \"alias/\". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html"
            )
        }
        guard !name.hasPrefix(reservedPrefix) else {
            throw Refusal(
                .kmsInvalidAliasName, "\(name) is reserved: aliases that begin with alias/aws/ are those of AWS managed keys.")
        }
        let isAllowed = name.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2f, 0x5f, 0x2d: true
            default: false
            }
        }
        guard isAllowed, name.utf8.count <= 256 else {
            throw Refusal(
                .kmsInvalidAliasName,
                "The alias '\(name.prefix(300))' is not 1 to 256 of the characters a-z, A-Z, 0-9, /, _ and -.")
        }
    }
}
