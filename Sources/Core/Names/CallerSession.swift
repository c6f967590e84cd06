/// Temporary credentials, as their session token holds them: what the session may at most, and what policies ask of it.
package final class CallerSession: Sendable, Hashable {
    /// `ASIA…`, unique to the session.
    package let accessKeyID: String
    package let issuedAt: Timestamp
    package let expiresAt: Timestamp
    /// The long-lived key that a user or root made the session with: it ends with that key. Nil for sessions of roles.
    package let parentKeyID: String?
    /// The session's policies, as documents. With `managedPolicies` they limit what the session may do.
    package let policies: [String]
    /// The ARNs of managed policies that limit the session, evaluated as they are at each use.
    package let managedPolicies: [String]
    package let tags: [ResourceTag]
    /// The keys of `tags` that follow into the next role, in the case in which they were given.
    package let transitiveTagKeys: [String]
    package let sourceIdentity: String?
    /// The ARN of the OIDC provider that vouched for the session.
    package let federatedProvider: String?
    /// Condition keys that the web identity token has filled, such as `accounts.example.com:sub`.
    package let webClaims: [String: [String]]
    /// The session was made by another session: it cannot last longer than an hour.
    package let isChained: Bool

    package init(
        accessKeyID: String, issuedAt: Timestamp, expiresAt: Timestamp, parentKeyID: String? = nil, policies: [String] = [],
        managedPolicies: [String] = [], tags: [ResourceTag] = [], transitiveTagKeys: [String] = [],
        sourceIdentity: String? = nil, federatedProvider: String? = nil, webClaims: [String: [String]] = [:],
        isChained: Bool = false
    ) {
        self.accessKeyID = accessKeyID
        self.issuedAt = issuedAt
        self.expiresAt = expiresAt
        self.parentKeyID = parentKeyID
        self.policies = policies
        self.managedPolicies = managedPolicies
        self.tags = tags
        self.transitiveTagKeys = transitiveTagKeys
        self.sourceIdentity = sourceIdentity
        self.federatedProvider = federatedProvider
        self.webClaims = webClaims
        self.isChained = isChained
    }

    /// A policy was passed when the session was made: it may do only what such a policy allows too.
    package var isLimited: Bool { !policies.isEmpty || !managedPolicies.isEmpty }

    /// Two are the same session if they have the same access key.
    package static func == (one: CallerSession, other: CallerSession) -> Bool { one.accessKeyID == other.accessKeyID }

    package func hash(into hasher: inout Hasher) { hasher.combine(accessKeyID) }
}
