import WeirCore
import WeirIdentity
import WeirRegistry

/// A principal as a person writes it: `root`, `user/NAME`, `role/NAME`, `role/NAME/SESSION`, a path before the name, or an ARN.
///
/// Short names are of the account that the call is about.
struct PrincipalName: Sendable, Equatable {
    enum Kind: Sendable, Equatable {
        case root
        /// A user or role, by its name alone where no path was written.
        case entity(EntityKind, path: String?, name: String)
        /// A role's session. Its ARN has no path.
        case session(role: String, name: String)
    }

    let account: AccountID
    let kind: Kind

    /// Throws `.invalidParameter` for a text that names no principal.
    ///
    /// - Parameter member: the input's, for the refusal.
    init(_ text: String, at member: String, in account: AccountID) throws(Refusal) {
        guard text.utf8.count <= 2_048, let found = Self.read(text, account) else {
            throw .invalidParameter(
                member, "'\(text.prefix(300))' is no principal: root, user/NAME, role/NAME, role/NAME/SESSION, or an ARN of one")
        }
        self = found
    }

    private init(_ account: AccountID, _ kind: Kind) {
        self.account = account
        self.kind = kind
    }

    private static func read(_ text: String, _ account: AccountID) -> PrincipalName? {
        if text == "root" { return PrincipalName(account, .root) }
        guard text.hasPrefix("arn:") else {
            let words = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
            guard words.count >= 2, !words.contains(""), let kind = kind(words[0]) else { return nil }
            switch (kind, words.count) {
            case (_, 2): return PrincipalName(account, .entity(kind, path: nil, name: words[1]))
            case (.role, 3): return PrincipalName(account, .session(role: words[1], name: words[2]))
            default: return nil
            }
        }
        let parts = text.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 6, parts[3].isEmpty, let owner = try? AccountID(parts[4]) else { return nil }
        if parts[2] == "iam", parts[5] == "root" { return PrincipalName(owner, .root) }
        guard let arn = PrincipalARN(text) else { return nil }
        guard let path = arn.path else {
            let session = parts[5].split(separator: "/").last.map(String.init) ?? ""
            return PrincipalName(owner, .session(role: arn.name, name: session))
        }
        return PrincipalName(owner, .entity(arn.kind, path: path, name: arn.name))
    }

    private static func kind(_ word: String) -> EntityKind? {
        switch word {
        case "user": .user
        case "role": .role
        default: nil
        }
    }

    /// The user or role behind it; nil for a root, and where the account has none of that path and name.
    func entity(_ records: EntityRecords) async throws -> Entity? {
        switch kind {
        case .root: return nil
        case .entity(let kind, path: let path, name: let name):
            guard let found = try await records.find(kind, named: name, in: account), found.name == name,
                path == nil || path == found.path
            else { return nil }
            return found
        case .session(role: let name, name: _):
            guard let found = try await records.find(.role, named: name, in: account), found.name == name else { return nil }
            return found
        }
    }

    /// Its ARN where nothing of that name is there: with the path `/`.
    func arn(partition: String) -> String {
        switch kind {
        case .root: "arn:\(partition):iam::\(account):root"
        case .entity(let kind, path: let path, name: let name):
            "arn:\(partition):iam::\(account):\(kind.rawValue)\(path ?? "/")\(name)"
        case .session(role: let role, name: let name): "arn:\(partition):sts::\(account):assumed-role/\(role)/\(name)"
        }
    }
}
