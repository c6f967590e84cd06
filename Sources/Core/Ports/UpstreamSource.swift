/// An upstream repository, with the identity, the limits and the priority of a request to it.
package struct UpstreamSource: Sendable {
    /// The host as the rule names it, with a port where it has one: `registry-1.docker.io`, `harbor.example:8443`.
    package let host: String
    /// The repository's name upstream. Any OCI name, so not a `RepositoryName`.
    package let repository: String
    /// The login; nil for anonymous. Bound to this host: never sent to another one.
    package let credential: UpstreamCredential?
    /// The rule on whose behalf the request is made: tokens, budgets and health are shared within a rule, never across rules.
    package private(set) var owner: String
    /// A trial: it affects no other request, and nothing of it is kept.
    package private(set) var isTrial = false
    /// What the host is known to be; nil if it does not matter.
    package var kind: UpstreamKind?
    package var limits: UpstreamLimits
    /// More urgent requests get a free connection first.
    package var priority: UpstreamPriority
    /// True if the rule says that the host speaks HTTP without TLS.
    package var plainHTTP: Bool
    /// The path before `/v2/` upstream: `/artifactory/api/docker/images`. Nil or empty for none.
    package var pathPrefix: String?
    /// The IAM role to assume for a private ECR upstream, by STS; nil for the server's own identity.
    package var roleARN: String?
    /// The account that owns the rule, or nil. The server's own resources, such as its AWS identity, are available to some
    /// accounts only.
    package var account: AccountID?

    package init(
        host: String, repository: String, credential: UpstreamCredential?, owner: String, kind: UpstreamKind? = nil,
        limits: UpstreamLimits = .none, priority: UpstreamPriority = .interactive, plainHTTP: Bool = false,
        pathPrefix: String? = nil, roleARN: String? = nil, account: AccountID? = nil
    ) {
        self.host = host
        self.repository = repository
        self.credential = credential
        self.owner = owner
        self.kind = kind
        self.limits = limits
        self.priority = priority
        self.plainHTTP = plainHTTP
        self.pathPrefix = pathPrefix
        self.roleARN = roleARN
        self.account = account
    }

    /// Identifies the registry that answers: the host, and the options that select a registry on it. Answers of one place prove
    /// nothing about another, even on the same host: on a shared host, each tenant controls the answers below its own path.
    package var place: String {
        (plainHTTP ? "http://" : "") + host + (pathPrefix.map { $0.isEmpty ? "" : " \($0)" } ?? "")
    }

    /// The same under a random owner: a token of an earlier, successful login must not make a bad login look good.
    package func onTrial() -> UpstreamSource {
        var trial = self
        trial.owner = "trial-\(UInt64.random(in: .min ... .max))"
        trial.isTrial = true
        trial.limits = .none
        return trial
    }
}

/// A rule's limits on upstream traffic. They cover everything, prefetches included.
package struct UpstreamLimits: Hashable, Sendable {
    package static let none = UpstreamLimits()

    package var requestsPerSecond: Double?
    package var bytesPerSecond: Int64?
    /// Concurrent requests. A blob counts until its last byte.
    package var connections: Int?

    package init(requestsPerSecond: Double? = nil, bytesPerSecond: Int64? = nil, connections: Int? = nil) {
        self.requestsPerSecond = requestsPerSecond
        self.bytesPerSecond = bytesPerSecond
        self.connections = connections
    }
}

package enum UpstreamPriority: Int, Sendable, Comparable, CaseIterable {
    /// A client waits for it.
    case interactive
    /// A client will probably ask for it soon.
    case prefetch
    /// No client waits for it.
    case refresh

    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// Which bytes of a blob are wanted.
package struct UpstreamRange: Hashable, Sendable {
    package let offset: Int64
    /// In bytes; nil for all that follow.
    package let length: Int64?
    /// The `UpstreamBlob.validator` of an earlier part: upstream sends the whole blob if it no longer matches.
    package let validator: String?

    package init(offset: Int64, length: Int64? = nil, validator: String? = nil) {
        self.offset = offset
        self.length = length
        self.validator = validator
    }

    package static let whole = UpstreamRange(offset: 0)
    package static func from(_ offset: Int64) -> UpstreamRange { UpstreamRange(offset: offset) }

    package var isWhole: Bool { offset == 0 && length == nil }
}

/// A login for an upstream registry, from the rule's secret. Its printed form reveals nothing.
package struct UpstreamCredential: Hashable, Sendable, CustomStringConvertible, CustomReflectable {
    package let username: String
    package let accessToken: String

    package init(username: String, accessToken: String) {
        self.username = username
        self.accessToken = accessToken
    }

    package var description: String { "(a credential)" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
