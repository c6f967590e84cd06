package import WeirCore

/// A name for a key, which can be moved to another key.
package struct KMSAlias: Sendable, Hashable {
    package let registry: RegistryID
    /// Including `alias/`.
    package let name: String
    package let keyID: String
    package let createdAt: Timestamp
    package let updatedAt: Timestamp

    package var arn: String { registry.arn("kms", name) }

    /// The prefix that AWS reserves for its managed keys.
    static let reservedPrefix = "alias/aws/"

    /// The pattern of AWS's model, which allows a colon; KMS refuses a colon with a message of its own.
    package static let pattern = "^[a-zA-Z0-9:/_-]+$"

    package static func fitsPattern(_ name: String) -> Bool {
        name.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2f, 0x3a, 0x5f, 0x2d: true
            default: false
            }
        }
    }

    /// Throws unless users may create an alias of this name.
    static func check(_ name: String) throws(Refusal) {
        guard name.hasPrefix("alias/"), name.utf8.count > "alias/".utf8.count else {
            throw Refusal(
                .validation,
                "Alias must start with the prefix \"alias/\". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html"
            )
        }
        guard !name.hasPrefix(reservedPrefix) else {
            throw Refusal(
                .kmsInvalidAliasName, "\(name) is reserved: aliases that begin with alias/aws/ are those of AWS managed keys.")
        }
        guard fitsPattern(name), !name.contains(":"), name.utf8.count <= 256 else {
            throw Refusal(.validation, "\(name.prefix(300)) contains invalid characters for an alias")
        }
    }
}

/// An alias in a list.
package enum ListedAlias: Sendable, Hashable {
    case named(KMSAlias)
    /// The alias of an AWS managed key that does not exist yet: the key is created on first use.
    case promised(name: String, in: RegistryID)

    /// Including `alias/`.
    package var name: String {
        switch self {
        case .named(let alias): alias.name
        case .promised(let name, _): name
        }
    }

    package var arn: String {
        switch self {
        case .named(let alias): alias.arn
        case .promised(let name, let registry): registry.arn("kms", name)
        }
    }
}
