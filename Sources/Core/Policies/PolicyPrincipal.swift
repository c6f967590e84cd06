/// A principal that a statement names.
enum PolicyPrincipal: Sendable, Equatable {
    /// `*`.
    case everyone
    /// Twelve digits, or `arn:aws:iam::ACCOUNT:root`: the account and everyone in it.
    case account(AccountID)
    /// A user, a role, a role's session or a federated user, by ARN.
    case identity(arn: String)
    /// The same, where the unique id of the user or role is known that the ARN named when the policy was saved.
    case pinned(arn: String, id: String)
    /// A user or role by its unique id, which IAM puts in place of a deleted one's ARN: it never matches a later one of the same
    /// name.
    case uniqueID(String)
    case service(String)
    /// An identity provider: the ARN of one of this server's, or a name such as `accounts.google.com`.
    case federated(String)
    /// An S3 canonical user, who cannot sign in here: the principal is accepted and matches no caller.
    case elsewhere(String)

    /// Reads the value of `Principal` or `NotPrincipal`.
    static func list(_ value: JSONValue) throws(PolicyFault) -> [PolicyPrincipal] {
        if value.string == "*" { return [.everyone] }
        guard case .object(let kinds) = value, !kinds.isEmpty else {
            throw PolicyFault("'Principal' is neither \"*\" nor an object")
        }
        var principals: [PolicyPrincipal] = []
        for (kind, names) in kinds.sorted(by: { $0.key < $1.key }) {
            guard let names = names.strings, !names.isEmpty else {
                throw PolicyFault("the principals under '\(kind)' are not a string or a list of strings")
            }
            for name in names { principals.append(try one(name, kind)) }
        }
        return principals
    }

    private static func one(_ name: String, _ kind: String) throws(PolicyFault) -> PolicyPrincipal {
        switch kind {
        case "AWS": return try aws(name)
        case "Service":
            guard name.hasSuffix(".amazonaws.com") || name.hasSuffix(".amazonaws.com.cn") else {
                throw PolicyFault(
                    .principal(kind: "SERVICE", name: name), "the service '\(name)' does not end in .amazonaws.com")
            }
            return .service(name)
        case "Federated": return .federated(name)
        case "CanonicalUser": return .elsewhere(name)
        default: throw PolicyFault("'\(kind)' is not a kind of principal")
        }
    }

    private static func aws(_ name: String) throws(PolicyFault) -> PolicyPrincipal {
        if name == "*" { return .everyone }
        if let account = try? AccountID(name) { return .account(account) }
        let isUniqueID =
            (16...128).contains(name.utf8.count)
            && name.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x41...0x5a).contains($0) }
        if isUniqueID { return .uniqueID(name) }
        let parts = name.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        guard parts.count == 6, parts[0] == "arn", parts[1].hasPrefix("aws"), parts[2] == "iam" || parts[2] == "sts",
            parts[3].isEmpty, let account = try? AccountID(String(parts[4]))
        else {
            throw PolicyFault(
                .principal(kind: "AWS", name: name), "the principal '\(name)' is not an account, an IAM ARN or a unique id")
        }
        if parts[2] == "iam", parts[5] == "root" { return .account(account) }
        let kinds = parts[2] == "iam" ? ["user/", "role/"] : ["assumed-role/", "federated-user/"]
        // AWS has no wildcards inside a principal: one would be compared literally, which cannot be meant.
        guard let kind = kinds.first(where: { parts[5].hasPrefix($0) }), parts[5].utf8.count > kind.utf8.count,
            !parts[5].contains("*"), !parts[5].contains("?")
        else {
            throw PolicyFault(
                .principal(kind: "AWS", name: name), "the principal '\(name)' names no user, role or session")
        }
        return .identity(arn: name)
    }

    /// The ARN in the text, where it is one of a user, a role or a session.
    var arn: String? {
        switch self {
        case .identity(let arn), .pinned(let arn, _): arn
        case .everyone, .account, .uniqueID, .service, .federated, .elsewhere: nil
        }
    }

    func pinned(_ pins: [String: String]) -> PolicyPrincipal {
        guard case .identity(let arn) = self, let id = pins[arn] else { return self }
        return .pinned(arn: arn, id: id)
    }
}

/// How closely a statement of a resource policy names the caller. IAM lets the closer ones stand alone, where the others need the
/// caller's own policies too.
package enum PrincipalMatch: Int, Comparable, Sendable, CaseIterable {
    case none
    /// The caller's account: it only delegates.
    case account
    /// The role of the caller's session, or the user of a federated session.
    case role
    /// `*`.
    case everyone
    /// The caller itself: a user, or one session.
    case direct

    package static func < (one: PrincipalMatch, other: PrincipalMatch) -> Bool { one.rawValue < other.rawValue }
}
