extension PolicyContext {
    /// The condition keys that every request has, whatever its service. A key that this server cannot know is absent.
    ///
    /// - Parameters:
    ///   - principalTags: the tags of the user, or of the role with the session's.
    ///   - owner: whose resource it is about.
    package init(
        of caller: Caller, principalTags: [ResourceTag] = [], from origin: RequestOrigin, at now: Timestamp, owner: AccountID,
        in region: Region
    ) {
        self.init()
        self["aws:PrincipalArn"] = [caller.policyARN]
        self["aws:PrincipalAccount"] = caller.kind == .anonymous ? [] : [caller.account.description]
        self["aws:PrincipalType"] = [caller.policyType]
        self["aws:userid"] = [caller.userID]
        if case .user(let user) = caller.kind { self["aws:username"] = [user.name] }
        let service: String? = if case .service(let name) = caller.kind { name } else { nil }
        self["aws:PrincipalIsAWSService"] = [service == nil ? "false" : "true"]
        if let service { self["aws:PrincipalServiceName"] = [service] }
        self["aws:ViaAWSService"] = ["false"]
        self["aws:ResourceAccount"] = [owner.description]
        self["aws:RequestedRegion"] = [region.description]
        self["aws:EpochTime"] = [String(now.microseconds / 1_000_000)]
        self["aws:CurrentTime"] = [String(now.microseconds / 1_000_000)]
        if service == nil, let address = origin.address { self["aws:SourceIp"] = [address] }
        if let isSecure = origin.isSecure { self["aws:SecureTransport"] = [isSecure ? "true" : "false"] }
        if let userAgent = origin.userAgent { self["aws:UserAgent"] = [userAgent] }
        for tag in principalTags { self["aws:PrincipalTag/\(tag.key)"] = [tag.value] }
        if let session = caller.session { take(session) }
    }

    private mutating func take(_ session: CallerSession) {
        self["aws:TokenIssueTime"] = [String(session.issuedAt.microseconds / 1_000_000)]
        if let source = session.sourceIdentity { self["aws:SourceIdentity"] = [source] }
        if let provider = session.federatedProvider { self["aws:FederatedProvider"] = [provider] }
        for (key, values) in session.webClaims { self[key] = values }
    }

    /// The tags of the resource, under `aws:` and under the service's own prefix.
    package mutating func take(resourceTags: [ResourceTag], of service: String) {
        for tag in resourceTags {
            self["aws:ResourceTag/\(tag.key)"] = [tag.value]
            self["\(service):ResourceTag/\(tag.key)"] = [tag.value]
        }
    }
}
