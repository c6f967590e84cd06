/// A cache rule's settings beyond ECR's API: freshness, prefetching, and limits on the upstream.
///
/// `RuleOptions()` is what a rule has of which nothing was set. Names, bounds and help are in the options' rows (`RuleOption`).
package struct RuleOptions: Hashable, Sendable {
    /// Which images of a list are fetched when a client pulls the list. The list's own bytes never change.
    package enum Fetch: Hashable, Sendable {
        /// Only those that clients ask for.
        case requested
        /// Every manifest that the list names, as ECR does.
        case all
        /// The images for these platforms, `os/arch` or `os/arch/variant`, and manifests that the list names without a platform.
        case platforms([String])

        /// True if a manifest that a list names for `platform` is fetched before a client asks for it. `linux/arm64` matches
        /// every variant.
        package func takes(_ platform: String?) -> Bool {
            switch self {
            case .requested: false
            case .all: true
            case .platforms(let wanted):
                platform.map { name in wanted.contains { name == $0 || name.hasPrefix($0 + "/") } } ?? true
            }
        }
    }

    /// Which tags a client gets that lists them (`GET /v2/NAME/tags/list`).
    package enum TagList: String, Hashable, Sendable, CaseIterable {
        /// The tags that are stored here, as ECR answers.
        case local
        /// The upstream's tags as well, which update tools look for.
        case merged
    }

    package static let platformsLimit = 50

    /// How long upstream's answer about a tag counts; zero asks at every pull. Nil for the server's setting.
    package var freshness: Duration?
    /// Tags that are never revalidated upstream: patterns in which `*` stands for any run of characters.
    package var pinnedTags: [String] = []
    package var fetch = Fetch.requested
    package var tagList = TagList.local
    /// How long upstream's list of referrers counts. Nil for ECR's six hours.
    package var referrersFreshness: Duration?
    /// Concurrent requests; a blob counts until its last byte. Nil for the server's limits.
    package var connections: Int?
    package var requestsPerSecond: Double?
    package var bytesPerSecond: Int64?
    /// The upstream speaks HTTP without TLS. Only for hosts that ECR does not know.
    package var plainHTTP = false
    /// The path before `/v2/` upstream, such as `/artifactory/api/docker/images`. Only for hosts that ECR does not know.
    package var pathPrefix: String?

    package init() {}

    package var limits: UpstreamLimits {
        UpstreamLimits(
            requestsPerSecond: requestsPerSecond, bytesPerSecond: bytesPerSecond, connections: connections)
    }

    package func pins(_ tag: Tag) -> Bool {
        pinnedTags.contains { Glob($0).matches(tag.description) }
    }

    /// The first invalid option, and why; nil if all are valid.
    package func flaw(for kind: UpstreamKind) -> String? {
        RuleOption.all.lazy.compactMap { $0.flaw(self, kind) }.first
    }
}
