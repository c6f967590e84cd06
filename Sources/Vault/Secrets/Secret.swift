package import WeirCore

/// A secret without its values: its name, and how its versions are sealed.
package struct Secret: Sendable, Hashable {
    /// Ends with six random characters, so that a secret that is deleted and created again is another one.
    package let arn: String
    package let registry: RegistryID
    package let name: String
    package var description: String?
    /// The KMS key as the user named it; nil for `alias/aws/secretsmanager`.
    package var kmsKey: String?
    package let createdAt: Timestamp
    package var changedAt: Timestamp
    /// The day on which its value was last read.
    package var accessedAt: Timestamp?
    /// When a deleted secret will be destroyed; nil if it is not deleted. Until then it can be restored but not read.
    package var deletionAt: Timestamp?
    /// Its resource policy, as it was written; nil where it has none.
    package var policy: String?
    /// The users and roles that the policy names, as they were when it was saved.
    package var pins = PolicyPins.none

    /// Throws if the secret is deleted.
    package func checkNotDeleted() throws(Refusal) {
        guard deletionAt == nil else {
            throw Refusal(
                .secretInvalidRequest,
                "You can't perform this operation on the secret because it was marked for deletion.")
        }
    }
}

/// A present or past value of a secret. Stages such as AWSCURRENT or AWSPREVIOUS name it; a version without a stage is
/// deprecated.
package struct SecretVersion: Sendable, Hashable {
    /// The token of the request that created it.
    package let id: String
    package let createdAt: Timestamp
    package let accessedAt: Timestamp?
    /// The ARN of the key that seals it.
    package let kmsKeyARN: String
    package var stages: [String]

    package static let current = "AWSCURRENT"
    package static let previous = "AWSPREVIOUS"
}

/// A secret with everything that `DescribeSecret` returns.
package struct SecretDetail: Sendable {
    package let secret: Secret
    package let tags: [ResourceTag]
    /// True if it has tags or ever had some.
    package let wasTagged: Bool
    /// The newest first.
    package let versions: [SecretVersion]
}

/// A secret's value. Its printed form reveals nothing.
package enum SecretValue: Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    case text(String)
    case binary([UInt8])

    /// Secrets Manager's limit.
    package static let maxBytes = 65_536

    package var description: String { "(a secret value)" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }

    /// The bytes that are sealed: one letter for the kind, then the value.
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
