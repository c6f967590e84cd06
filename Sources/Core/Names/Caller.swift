/// An authenticated caller: proved by a signature, a registry token or a signed link, at the door.
package struct Caller: Hashable, Sendable {
    /// What kind of principal it is. Its members are what IAM's evaluation asks of each.
    package enum Kind: Hashable, Sendable {
        /// The account itself. It may do everything in its own account that no resource policy denies.
        case root
        case user(IAMIdentity)
        /// A session of a role, under the name that its caller gave it.
        case roleSession(of: IAMIdentity, name: String)
        /// A session that a user made by GetFederationToken; nil where the account's root made it.
        case federatedUser(of: IAMIdentity?, name: String)
        /// A part of this server, by the name of the AWS service that it stands for: `pullthroughcache.ecr.amazonaws.com`.
        case service(String)
        /// A client without a login, where the server's settings let such clients read what a policy opens to `*`.
        case anonymous
        /// The bearer of a web identity token that the OIDC provider of this ARN vouches for, while a role is asked for with
        /// it. It belongs to no account.
        case webIdentity(provider: String)
    }

    package let account: AccountID
    package let kind: Kind
    /// As denials, policies and the audit record write it: a session's own ARN, not its role's.
    package let principalARN: String
    /// What `sts GetCallerIdentity` calls `UserId`.
    package let userID: String
    /// The temporary credentials that the caller signed with; nil for long-lived keys.
    package let session: CallerSession?

    package init(
        account: AccountID, kind: Kind, principalARN: String, userID: String, session: CallerSession? = nil
    ) {
        self.account = account
        self.kind = kind
        self.principalARN = principalARN
        self.userID = userID
        self.session = session
    }

    /// The account's root.
    package static func root(of account: AccountID, partition: String = "aws", session: CallerSession? = nil) -> Caller {
        Caller(
            account: account, kind: .root, principalARN: "arn:\(partition):iam::\(account):root",
            userID: account.description, session: session)
    }

    package static func user(_ user: IAMIdentity, of account: AccountID, session: CallerSession? = nil) -> Caller {
        Caller(account: account, kind: .user(user), principalARN: user.arn, userID: user.id, session: session)
    }

    /// A session of a role. Its ARN has the role's name without the path.
    package static func session(
        of role: IAMIdentity, named name: String, in account: AccountID, session: CallerSession
    ) -> Caller {
        Caller(
            account: account, kind: .roleSession(of: role, name: name),
            principalARN: "arn:\(role.partition):sts::\(account):assumed-role/\(role.name)/\(name)",
            userID: "\(role.id):\(name)", session: session)
    }

    package static func federated(
        _ name: String, by user: IAMIdentity?, in account: AccountID, partition: String, session: CallerSession
    ) -> Caller {
        Caller(
            account: account, kind: .federatedUser(of: user, name: name),
            principalARN: "arn:\(partition):sts::\(account):federated-user/\(name)", userID: "\(account):\(name)",
            session: session)
    }

    /// A client without a login. It has no account: the one named is the owner's of what is asked for.
    package static func anonymous(at account: AccountID) -> Caller {
        Caller(account: account, kind: .anonymous, principalARN: "*", userID: "ANONYMOUS_PRINCIPAL")
    }

    /// The bearer of a web identity token.
    ///
    /// - Parameters:
    ///   - subject: the token's `sub`.
    ///   - userID: `ISSUER:AUDIENCE:SUBJECT`, as the audit record has it.
    ///   - account: the account of the provider and of the role that is asked for.
    package static func webIdentity(
        _ subject: String, userID: String, vouchedForBy provider: String, at account: AccountID
    ) -> Caller {
        Caller(account: account, kind: .webIdentity(provider: provider), principalARN: subject, userID: userID)
    }

    package var isRoot: Bool { kind == .root }

    /// The user or role whose policies are the caller's; nil for root, services, web identities and clients without a login.
    package var identity: IAMIdentity? {
        switch kind {
        case .user(let user), .federatedUser(of: let user?, name: _): user
        case .roleSession(of: let role, name: _): role
        case .root, .federatedUser(of: nil, name: _), .service, .anonymous, .webIdentity: nil
        }
    }

    /// `aws:PrincipalArn`: a session's is its role's.
    package var policyARN: String {
        if case .roleSession(of: let role, name: _) = kind { role.arn } else { principalARN }
    }

    /// `aws:PrincipalType`.
    package var policyType: String {
        switch kind {
        case .root: "Account"
        case .user: "User"
        case .roleSession: "AssumedRole"
        case .federatedUser: "FederatedUser"
        case .service: "Service"
        case .anonymous: "Anonymous"
        case .webIdentity: "WebIdentityUser"
        }
    }

    /// The same caller with its ARNs in the partition of `region`: a region's policies and answers use that form.
    package func seen(in region: Region) -> Caller {
        let partition = region.partition
        let arn = principalARN.inPartition(partition)
        guard arn != principalARN else { return self }
        let kind: Kind =
            switch kind {
            case .user(let user): .user(user.inPartition(partition))
            case .roleSession(of: let role, name: let name): .roleSession(of: role.inPartition(partition), name: name)
            case .federatedUser(of: let user, name: let name): .federatedUser(of: user?.inPartition(partition), name: name)
            case .root, .service, .anonymous, .webIdentity: kind
            }
        return Caller(account: account, kind: kind, principalARN: arn, userID: userID, session: session)
    }
}

/// A user or role, as those see it whom it calls.
package struct IAMIdentity: Hashable, Sendable {
    /// Unique for ever: `AIDA…` for a user, `AROA…` for a role. Another one of the same name has another id.
    package let id: String
    /// With its path: `arn:aws:iam::ACCOUNT:role/PATH/NAME`.
    package let arn: String
    package let name: String

    package init(id: String, arn: String, name: String) {
        self.id = id
        self.arn = arn
        self.name = name
    }

    var partition: String { arn.split(separator: ":", maxSplits: 2).dropFirst().first.map(String.init) ?? "aws" }

    func inPartition(_ partition: String) -> IAMIdentity { IAMIdentity(id: id, arn: arn.inPartition(partition), name: name) }
}

extension String {
    /// An ARN in another partition; any other text as it is.
    fileprivate func inPartition(_ partition: String) -> String {
        let rest = utf8.dropFirst(4)
        guard hasPrefix("arn:"), let end = rest.firstIndex(of: UInt8(ascii: ":")), !rest[..<end].elementsEqual(partition.utf8)
        else { return self }
        return "arn:\(partition)\(self[end...])"
    }
}
