extension PolicyContext {
    /// The condition keys that every request has, whatever its service. A key that this server cannot know is absent.
    ///
    /// - Parameters:
    ///   - principalTags: the tags of the user, or of the role with the session's.
    ///   - owner: whose resource it is about.
    ///   - organization: the organization that all accounts of this server are in, `o-…`; nil where there is none.
    package init(
        of caller: Caller, principalTags: [ResourceTag] = [], from origin: RequestOrigin, at now: Timestamp, owner: AccountID,
        in region: Region, organization: String? = nil
    ) {
        self.init(
            RequestKeys(
                caller: caller, principalTags: principalTags, origin: origin, now: now, owner: owner, region: region,
                organization: organization))
    }
}

/// The facts of a request, as the condition keys that they stand for.
final class RequestKeys: Sendable {
    private let caller: Caller
    private let principalTags: [ResourceTag]
    private let origin: RequestOrigin
    private let now: Timestamp
    private let owner: AccountID
    private let region: Region
    private let organization: String?

    init(
        caller: Caller, principalTags: [ResourceTag], origin: RequestOrigin, now: Timestamp, owner: AccountID, region: Region,
        organization: String?
    ) {
        self.caller = caller
        self.principalTags = principalTags
        self.origin = origin
        self.now = now
        self.owner = owner
        self.region = region
        self.organization = organization
    }

    /// `key` in lower case.
    func values(for key: String) -> [String] {
        if let global = GlobalKey(rawValue: key) { return value(of: global).map { [$0] } ?? [] }
        if let name = key.rest(after: "aws:principaltag/") { return PolicyContext.values(of: name, in: principalTags) }
        guard let claims = caller.session?.webClaims, !claims.isEmpty else { return [] }
        if let values = claims[key] { return values }
        return claims.first { $0.key.asciiLowercased == key }?.value ?? []
    }

    /// The keys that may have values.
    var names: [String] {
        GlobalKey.allCases.map(\.rawValue) + principalTags.map { "aws:principaltag/" + $0.key.asciiLowercased }
            + (caller.session?.webClaims.keys.map(\.asciiLowercased) ?? [])
    }

    private func value(of key: GlobalKey) -> String? {
        switch key {
        case .principalARN: caller.hasAccount ? caller.policyARN : nil
        case .principalAccount: caller.hasAccount ? caller.account.description : nil
        case .principalType: caller.policyType
        case .userID: caller.userID
        case .userName: if case .user(let user) = caller.kind { user.name } else { nil }
        case .principalIsAWSService: caller.serviceName == nil ? "false" : "true"
        case .principalServiceName: caller.serviceName
        case .principalOrgID: caller.hasAccount && caller.serviceName == nil ? organization : nil
        case .viaAWSService: "false"
        case .resourceAccount: owner.description
        case .resourceOrgID: organization
        case .requestedRegion: region.description
        case .epochTime, .currentTime: String(now.microseconds / 1_000_000)
        case .sourceIP: caller.serviceName == nil ? origin.address : nil
        case .secureTransport: origin.isSecure.map { $0 ? "true" : "false" }
        case .userAgent: origin.userAgent
        case .tokenIssueTime: caller.session.map { String($0.issuedAt.microseconds / 1_000_000) }
        case .sourceIdentity: caller.session?.sourceIdentity
        case .federatedProvider: caller.session?.federatedProvider
        }
    }
}

/// The condition keys that have one value, whatever is asked for, in lower case.
enum GlobalKey: String, CaseIterable {
    case principalARN = "aws:principalarn"
    case principalAccount = "aws:principalaccount"
    case principalType = "aws:principaltype"
    case userID = "aws:userid"
    case userName = "aws:username"
    case principalIsAWSService = "aws:principalisawsservice"
    case principalServiceName = "aws:principalservicename"
    case principalOrgID = "aws:principalorgid"
    case viaAWSService = "aws:viaawsservice"
    case resourceAccount = "aws:resourceaccount"
    case resourceOrgID = "aws:resourceorgid"
    case requestedRegion = "aws:requestedregion"
    case epochTime = "aws:epochtime"
    case currentTime = "aws:currenttime"
    case sourceIP = "aws:sourceip"
    case secureTransport = "aws:securetransport"
    case userAgent = "aws:useragent"
    case tokenIssueTime = "aws:tokenissuetime"
    case sourceIdentity = "aws:sourceidentity"
    case federatedProvider = "aws:federatedprovider"
}

extension Caller {
    /// Clients without a login and web identities belong to no account.
    var hasAccount: Bool {
        switch kind {
        case .root, .user, .roleSession, .federatedUser, .service: true
        case .anonymous, .webIdentity: false
        }
    }

    /// The AWS service that it stands for.
    package var serviceName: String? { if case .service(let name) = kind { name } else { nil } }
}
