package import WeirCore

/// Whom a token belongs to: what session tokens, registry tokens and signed links hold of their caller. It names a caller and
/// grants nothing: whether the caller is still there, and what it may, is looked up at every use.
///
///     byte     kind
///     text     account
///     text     access key id
///     text     unique id of the user or role; empty for a root
///     and for the kinds of sessions:
///     text     session name; empty where it has none
///     moment   issued at
///     moment   expires at
///     byte     1 if it was made by another session
///     text     the long-lived key that it was made with; empty for a role's session
///     texts    session policies
///     texts    ARNs of managed policies that limit it
///     texts    tags: key, value, key, value, …
///     texts    keys of the transitive tags
///     text     source identity; empty where it has none
///     text     ARN of the OIDC provider; empty where there is none
///     texts    claims of the web identity: key, value, …; a key with several values stands before each of them
package struct TokenPrincipal: Sendable, Equatable {
    package enum Kind: UInt8, Sendable, CaseIterable {
        /// Long-lived keys.
        case root = 1
        case user = 2
        /// Temporary credentials: AssumeRole's, AssumeRoleWithWebIdentity's, GetSessionToken's of a user and of a root, and
        /// GetFederationToken's.
        case roleSession = 3
        case webSession = 4
        case userSession = 5
        case rootSession = 6
        case federatedUser = 7

        var isSession: Bool { self != .root && self != .user }
    }

    package let kind: Kind
    package let account: AccountID
    package let accessKeyID: String
    /// `AIDA…` or `AROA…`; empty for a root, and for what a root has made.
    package let entityID: String
    /// The name of a role's session or of a federated user; else empty.
    package let name: String
    package let session: CallerSession?

    package init(
        kind: Kind, account: AccountID, accessKeyID: String, entityID: String = "", name: String = "",
        session: CallerSession? = nil
    ) {
        self.kind = kind
        self.account = account
        self.accessKeyID = accessKeyID
        self.entityID = entityID
        self.name = name
        self.session = session
    }

    /// The caller who signed with `accessKeyID`; nil for callers without a key.
    package init?(_ caller: Caller, accessKeyID: String) {
        let kind: Kind
        var name = ""
        switch caller.kind {
        case .root: kind = caller.session == nil ? .root : .rootSession
        case .user: kind = caller.session == nil ? .user : .userSession
        case .roleSession(of: _, name: let given):
            kind = caller.session?.federatedProvider == nil ? .roleSession : .webSession
            name = given
        case .federatedUser(of: _, name: let given): (kind, name) = (.federatedUser, given)
        case .service, .anonymous, .webIdentity: return nil
        }
        guard kind.isSession == (caller.session != nil) else { return nil }
        self.init(
            kind: kind, account: caller.account, accessKeyID: accessKeyID, entityID: caller.identity?.id ?? "", name: name,
            session: caller.session)
    }

    // MARK: Bytes

    func write(to writer: inout TokenWriter) {
        writer.byte(kind.rawValue)
        for text in [account.description, accessKeyID, entityID] { writer.text(text) }
        guard let session else { return }
        writer.text(name)
        writer.moment(session.issuedAt)
        writer.moment(session.expiresAt)
        writer.byte(session.isChained ? 1 : 0)
        writer.text(session.parentKeyID ?? "")
        writer.texts(session.policies)
        writer.texts(session.managedPolicies)
        writer.texts(session.tags.flatMap { [$0.key, $0.value] })
        writer.texts(session.transitiveTagKeys)
        writer.text(session.sourceIdentity ?? "")
        writer.text(session.federatedProvider ?? "")
        writer.texts(session.webClaims.sorted { $0.key < $1.key }.flatMap { claim in claim.value.flatMap { [claim.key, $0] } })
    }

    /// Nil where the bytes are none.
    init?(from reader: inout TokenReader) {
        guard let kind = reader.byte().flatMap(Kind.init(rawValue:)), let account = reader.text().flatMap({ try? AccountID($0) }),
            let accessKeyID = reader.text(), let entityID = reader.text()
        else { return nil }
        guard kind.isSession else {
            self.init(kind: kind, account: account, accessKeyID: accessKeyID, entityID: entityID)
            return
        }
        guard let name = reader.text(), let session = Self.session(of: accessKeyID, &reader) else { return nil }
        self.init(
            kind: kind, account: account, accessKeyID: accessKeyID, entityID: entityID, name: name, session: session)
    }

    private static func session(of accessKeyID: String, _ reader: inout TokenReader) -> CallerSession? {
        guard let issuedAt = reader.moment(), let expiresAt = reader.moment(), let chained = reader.byte(),
            let parent = reader.text(), let policies = reader.texts(), let managed = reader.texts(),
            let tags = reader.texts().flatMap(Self.pairs), let transitive = reader.texts(), let source = reader.text(),
            let provider = reader.text(), let claims = reader.texts().flatMap(Self.pairs)
        else { return nil }
        return CallerSession(
            accessKeyID: accessKeyID, issuedAt: issuedAt, expiresAt: expiresAt, parentKeyID: parent.isEmpty ? nil : parent,
            policies: policies, managedPolicies: managed, tags: tags.map { ResourceTag(key: $0, value: $1) },
            transitiveTagKeys: transitive, sourceIdentity: source.isEmpty ? nil : source,
            federatedProvider: provider.isEmpty ? nil : provider,
            webClaims: claims.reduce(into: [:]) { $0[$1.0, default: []].append($1.1) }, isChained: chained == 1)
    }

    private static func pairs(_ texts: [String]) -> [(String, String)]? {
        guard texts.count.isMultiple(of: 2) else { return nil }
        return stride(from: 0, to: texts.count, by: 2).map { (texts[$0], texts[$0 + 1]) }
    }
}
