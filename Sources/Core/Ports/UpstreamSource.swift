/// Where to ask, in whose name, and how hard.
package struct UpstreamSource: Sendable {
    /// The host as the rule names it, with a port where it has one: `registry-1.docker.io`, `harbor.example:8443`.
    package let host: String
    /// The repository's name over there. Any OCI name, so no `RepositoryName`.
    package let repository: String
    /// Who asks; nil for nobody. Bound to this host: never sent anywhere else.
    package let credential: UpstreamCredential?
    /// The rule in whose name it is asked: tokens, budgets and what was learned are shared within it, never across.
    package private(set) var owner: String
    /// It is only tried out: nothing of it counts for others, and nothing is kept.
    package private(set) var isTrial = false
    /// What the host is known to be; nil where that does not matter.
    package var kind: UpstreamKind?
    package var limits: UpstreamLimits
    /// What is more urgent gets a free connection first.
    package var priority: UpstreamPriority
    /// The rule says that the host speaks http without TLS.
    package var plainHTTP: Bool
    /// What stands before `/v2/` over there: `/artifactory/api/docker/images`. Nil or empty for nothing.
    package var pathPrefix: String?
    /// The IAM role that a private ECR upstream is asked in, by STS; nil for the server's own identity.
    package var roleARN: String?
    /// Whose rule it is; nil for nobody's. What is the server's own, such as its identity at AWS, serves some accounts only.
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

    /// Whose answers these are: the host, and what of it the rule's options choose. What one place says proves nothing about
    /// another, even where both are on one host: below a path of their own, tenants of a shared one answer as they like.
    package var place: String {
        (plainHTTP ? "http://" : "") + host + (pathPrefix.map { $0.isEmpty ? "" : " \($0)" } ?? "")
    }

    /// The same in a name of its own: a token that an earlier, good login left behind must not vouch for this one.
    package func onTrial() -> UpstreamSource {
        var trial = self
        trial.owner = "trial-\(UInt64.random(in: .min ... .max))"
        trial.isTrial = true
        trial.limits = .none
        return trial
    }
}

/// The caps of a rule on what is asked in its name. They cover everything, also what is fetched ahead and only stored.
package struct UpstreamLimits: Hashable, Sendable {
    package static let none = UpstreamLimits()

    package var requestsPerSecond: Double?
    package var bytesPerSecond: Int64?
    /// Requests at a time: a blob counts until its last byte.
    package var connections: Int?

    package init(requestsPerSecond: Double? = nil, bytesPerSecond: Int64? = nil, connections: Int? = nil) {
        self.requestsPerSecond = requestsPerSecond
        self.bytesPerSecond = bytesPerSecond
        self.connections = connections
    }
}

package enum UpstreamPriority: Int, Sendable, Comparable, CaseIterable {
    /// A client waits.
    case interactive
    /// A client will ask for it soon.
    case prefetch
    /// Nobody waits.
    case refresh

    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// Which bytes of a blob are wanted.
package struct UpstreamRange: Hashable, Sendable {
    package let offset: Int64
    /// How many; nil for all that follow.
    package let length: Int64?
    /// The `UpstreamBlob.validator` of an earlier part: upstream sends the whole anew where it no longer holds.
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

/// A login for an upstream registry, from the rule's secret. It prints as nothing.
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
