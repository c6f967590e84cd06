package import WeirCore

/// A secret: a name with versions of a value, and how they are sealed. The values are not in here.
package struct Secret: Sendable, Hashable {
    /// With six random characters at its end, so that a secret deleted and made again under its name is another one.
    package let arn: String
    package let registry: RegistryID
    package let name: String
    package var description: String?
    /// The KMS key as the user named it, or nil for `alias/aws/secretsmanager`.
    package var kmsKey: String?
    package let createdAt: Timestamp
    package var changedAt: Timestamp
    /// The day on which its value was last read.
    package var accessedAt: Timestamp?
    /// When it will be destroyed, where it has been deleted; until then it can be restored, not read.
    package var deletionAt: Timestamp?

    /// Throws where it has been deleted.
    package func checkNotDeleted() throws(Refusal) {
        guard deletionAt == nil else {
            throw Refusal(
                .secretInvalidRequest,
                "You can't perform this operation on the secret because it was marked for deletion.")
        }
    }
}

/// A value that a secret has or had. It is current, previous or otherwise marked as long as a stage names it; without any it is
/// deprecated.
package struct SecretVersion: Sendable, Hashable {
    /// The token of the request that made it.
    package let id: String
    package let createdAt: Timestamp
    package let accessedAt: Timestamp?
    /// The ARN of the key that it is sealed with.
    package let kmsKeyARN: String
    package var stages: [String]

    package static let current = "AWSCURRENT"
    package static let previous = "AWSPREVIOUS"
}

/// A secret with all that is told of it but its values.
package struct SecretDetail: Sendable {
    package let secret: Secret
    package let tags: [ResourceTag]
    /// Whether it has, or had, tags.
    package let wasTagged: Bool
    /// The newest first.
    package let versions: [SecretVersion]
}

/// What a secret holds. It prints as nothing.
package enum SecretValue: Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    case text(String)
    case binary([UInt8])

    /// Secrets Manager's limit.
    package static let maxBytes = 65_536

    package var description: String { "(a secret value)" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }

    /// One letter for the kind, then the bytes: what is sealed.
    var encoded: [UInt8] {
        switch self {
        case .text(let text): [UInt8(ascii: "t")] + Array(text.utf8)
        case .binary(let bytes): [UInt8(ascii: "b")] + bytes
        }
    }

    init(encoded: [UInt8]) throws(SealError) {
        switch encoded.first {
        case UInt8(ascii: "t"): self = .text(String(decoding: encoded.dropFirst(), as: UTF8.self))
        case UInt8(ascii: "b"): self = .binary(Array(encoded.dropFirst()))
        default: throw .damaged
        }
    }

    func checkSize() throws(Refusal) {
        guard (1...Self.maxBytes).contains(encoded.count - 1) else {
            throw Refusal(.invalidParameter, "The secret value must be 1 to \(Self.maxBytes) bytes long.")
        }
    }
}
