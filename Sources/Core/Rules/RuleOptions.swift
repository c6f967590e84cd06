/// A cache rule's settings beyond ECR's API: freshness, prefetching, and limits on the upstream.
///
/// `RuleOptions()` holds the defaults.
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

    package static let pinnedTagsLimit = 100
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
        if let freshness, freshness < .zero { return "freshness must not be less than 0 seconds" }
        if let referrersFreshness, referrersFreshness < .zero {
            return "referrersFreshness must not be less than 0 seconds"
        }
        if pinnedTags.count > Self.pinnedTagsLimit { return "pinnedTags may hold \(Self.pinnedTagsLimit) patterns" }
        if let bad = pinnedTags.first(where: { !Self.isPattern($0) }) {
            return "pinnedTags: '\(bad.prefix(200))' is not a tag with '*' for any characters"
        }
        if case .platforms(let names) = fetch {
            if names.isEmpty || names.count > Self.platformsLimit {
                return "fetch must name 1 to \(Self.platformsLimit) platforms"
            }
            if let bad = names.first(where: { !Self.isPlatform($0) }) {
                return "fetch: '\(bad.prefix(100))' is not a platform such as linux/arm64 or linux/arm/v7"
            }
        }
        if let connections, connections < 1 { return "connections must be at least 1" }
        if let requestsPerSecond, !(requestsPerSecond > 0 && requestsPerSecond.isFinite) {
            return "requestsPerSecond must be greater than 0"
        }
        if let bytesPerSecond, bytesPerSecond < 1_024 { return "bytesPerSecond must be at least 1024" }
        if plainHTTP, kind != .other { return "plainHTTP is not for \(kind.rawValue), which speaks TLS" }
        guard let pathPrefix else { return nil }
        if kind != .other { return "pathPrefix is not for \(kind.rawValue), whose paths begin with /v2/" }
        return Self.isPath(pathPrefix) ? nil : "pathPrefix must be a path such as /artifactory/api/docker/images"
    }

    private static func isPattern(_ text: String) -> Bool {
        (1...128).contains(text.utf8.count)
            && text.utf8.allSatisfy { isWord($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "*") }
    }

    private static func isPlatform(_ text: String) -> Bool {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        return (2...3).contains(parts.count) && text.utf8.count <= 100
            && parts.allSatisfy { part in
                !part.isEmpty && part.utf8.allSatisfy { isWord($0) || $0 == UInt8(ascii: ".") }
            }
    }

    /// True for segments of unreserved characters, none of them `.` or `..`.
    private static func isPath(_ text: String) -> Bool {
        guard text.hasPrefix("/"), (2...200).contains(text.utf8.count) else { return false }
        return text.dropFirst().split(separator: "/", omittingEmptySubsequences: false).allSatisfy { part in
            !part.isEmpty && part != "." && part != ".."
                && part.utf8.allSatisfy { isWord($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "~") }
        }
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
            || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
    }
}
