package import WeirCore

/// The kinds of things that have a name, a path and an ARN in IAM.
package enum EntityKind: String, Sendable, CaseIterable {
    case user, group, role, policy
    case instanceProfile = "instance-profile"
    case oidcProvider = "oidc-provider"

    /// The first four letters of a unique id. An OIDC provider's is never shown.
    var idPrefix: String {
        switch self {
        case .user: "AIDA"
        case .group: "AGPA"
        case .role: "AROA"
        case .policy: "ANPA"
        case .instanceProfile: "AIPA"
        case .oidcProvider: "AOPA"
        }
    }
}

/// A user, group, role, managed policy, instance profile or OIDC provider: what all of them have.
package struct Entity: Sendable, Equatable {
    /// Unique for ever, 21 characters: another one of the same name has another id.
    package let id: String
    package let account: AccountID
    package let kind: EntityKind
    /// As it was written. Unique in its account and kind without regard to case. Of an OIDC provider: its URL without `https://`.
    package var name: String
    /// `/`, or `/…/`.
    package var path: String
    package var description: String?
    package let createdAt: Timestamp
    package var changedAt: Timestamp
    /// The ARN of the managed policy that is the permissions boundary of a user or role.
    package var boundary: String?
    package var tags: [ResourceTag]
    /// Sessions that were issued before this moment are over.
    package var sessionsRevokedAt: Timestamp?

    package init(
        id: String, account: AccountID, kind: EntityKind, name: String, path: String = "/", description: String? = nil,
        createdAt: Timestamp, boundary: String? = nil, tags: [ResourceTag] = []
    ) {
        self.id = id
        self.account = account
        self.kind = kind
        self.name = name
        self.path = path
        self.description = description
        self.createdAt = createdAt
        changedAt = createdAt
        self.boundary = boundary
        self.tags = tags
    }

    /// `arn:aws:iam::ACCOUNT:user/PATH/NAME`.
    package func arn(partition: String = "aws") -> String { "arn:\(partition):iam::\(account):\(kind.rawValue)\(path)\(name)" }

    package func identity(partition: String = "aws") -> IAMIdentity {
        IAMIdentity(id: id, arn: arn(partition: partition), name: name)
    }

    /// A name as it is compared: IAM's names are unique without regard to the case of ASCII letters.
    package static func folded(_ name: String) -> String {
        String(decoding: name.utf8.map { (0x41...0x5a).contains($0) ? $0 + 0x20 : $0 }, as: UTF8.self)
    }
}
