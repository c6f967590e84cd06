import ArgumentParser
import WeirCore
import WeirWeb

/// `weir rules`: the cache rules of a running server.
struct RulesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rules",
        abstract: "The cache rules of a running server: what they did, how their upstreams do, what is set.",
        subcommands: [List.self, Show.self, Set.self], defaultSubcommand: List.self)

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "One line for each rule.")

        @OptionGroup var server: ServerOptions

        func run() async throws {
            try await server.speaking { client in
                let answer = try await client.call("ListRules", [:])
                server.show(answer) { RuleText.table(answer.list("rules")) }
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Everything about one rule.")

        @Argument(help: "The rule's prefix, as ECR has it: docker-hub, or ROOT.")
        var prefix: String
        @OptionGroup var server: ServerOptions

        func run() async throws {
            try await server.speaking { client in
                let answer = try await client.call("DescribeRule", ["ecrRepositoryPrefix": .string(prefix)])
                server.show(answer) { RuleText.whole(answer["rule"] ?? .null) }
            }
        }
    }

    struct Set: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Set options of a rule; what is not named stays as it is.")

        @Argument(help: "The rule's prefix.")
        var prefix: String
        @Option(help: "Seconds for which upstream's word about a tag counts; 0 asks at every pull.")
        var freshness: Int64?
        @Option(help: "Seconds for which upstream's list of referrers counts.")
        var referrersFreshness: Int64?
        @Option(
            name: .customLong("pin"),
            help: "A tag, or a pattern with *, that upstream is never asked about again. May be repeated; replaces the list.")
        var pinned: [String] = []
        @Option(help: "requested, or all: what is fetched of a multi-platform image when its list is pulled.")
        var fetch: String?
        @Option(name: .customLong("platform"), help: "os/arch[/variant] to fetch when a list is pulled. May be repeated.")
        var platforms: [String] = []
        @Option(help: "Requests at a time.")
        var connections: Int64?
        @Option(help: "Requests a second.")
        var requestsPerSecond: Double?
        @Option(help: "Bytes a second.")
        var bytesPerSecond: Int64?
        @Option(help: "true or false: the upstream speaks http without TLS.")
        var plainHTTP: Bool?
        @Option(help: "What stands before /v2/ upstream.")
        var pathPrefix: String?
        @Option(help: "An option, by its name in the JSON output, that goes back to the server's own. May be repeated.")
        var reset: [String] = []
        @OptionGroup var server: ServerOptions

        func run() async throws {
            try await server.speaking { client in
                let answer = try await client.call("SetRuleOptions", asked)
                server.show(answer) { RuleText.whole(answer["rule"] ?? .null) }
            }
        }

        private var asked: JSONValue {
            .members([
                "ecrRepositoryPrefix": .string(prefix), "freshnessSeconds": freshness.map { .integer($0) },
                "referrersFreshnessSeconds": referrersFreshness.map { .integer($0) }, "pinnedTags": list(pinned),
                "fetch": fetch.map { .string($0) }, "platforms": list(platforms),
                "connections": connections.map { .integer($0) }, "requestsPerSecond": requestsPerSecond.map { .number($0) },
                "bytesPerSecond": bytesPerSecond.map { .integer($0) }, "plainHTTP": plainHTTP.map { .bool($0) },
                "pathPrefix": pathPrefix.map { .string($0) }, "reset": list(reset),
            ])
        }

        private func list(_ texts: [String]) -> JSONValue? { texts.isEmpty ? nil : .array(texts.map { .string($0) }) }
    }
}

/// Rules as a person reads them.
private enum RuleText {
    static func table(_ rules: [JSONValue]) -> String {
        let head = ["PREFIX", "UPSTREAM", "PULLS", "HITS", "IN", "OUT", "QUOTA", "BREAKER", "LAST SUCCESS", "LAST ERROR"]
        return Shown.table([head] + rules.map(row))
    }

    private static func row(_ rule: JSONValue) -> [String] {
        let traffic = rule["traffic"] ?? .null
        let upstream = rule["upstream"] ?? .null
        let error = upstream["lastError"]
        return [
            rule.text(of: "ecrRepositoryPrefix") ?? "", rule.text(of: "upstreamRegistryUrl") ?? "", "\(pulls(traffic))",
            ratio(traffic), Shown.bytes(traffic.count(of: "bytesIn")), Shown.bytes(traffic.count(of: "bytesOut")),
            quota(upstream), upstream.text(of: "breaker") ?? "-", upstream.moment(of: "lastSuccess") ?? "-",
            error.map { "\($0.moment(of: "at") ?? "") \($0.text(of: "message") ?? "")" } ?? "-",
        ]
    }

    static func whole(_ rule: JSONValue) -> String {
        let traffic = rule["traffic"] ?? .null
        let upstream = rule["upstream"] ?? .null
        let options = rule["options"] ?? .null
        var rows = [
            ["prefix", rule.text(of: "ecrRepositoryPrefix") ?? ""],
            ["upstream", "\(rule.text(of: "upstreamRegistryUrl") ?? "") (\(rule.text(of: "upstreamKind") ?? ""))"],
            ["secret", rule.flag("hasCredential") ? "yes" : "none"],
            [
                "pulls",
                ["hits", "revalidated", "updated", "misses", "stale", "failures"].map { "\(traffic.count(of: $0)) \($0)" }
                    .joined(separator: ", "),
            ],
            ["hit ratio", ratio(traffic)],
            ["bytes", "\(Shown.bytes(traffic.count(of: "bytesIn"))) in, \(Shown.bytes(traffic.count(of: "bytesOut"))) out"],
            ["fills running", "\(traffic.count(of: "fillsRunning"))"],
            ["last success", upstream.moment(of: "lastSuccess") ?? "-"],
            ["last error", error(upstream)], ["quota left", quota(upstream)],
            ["breaker", upstream.text(of: "breaker") ?? "-"],
        ]
        if let until = upstream.moment(of: "pausedUntil") { rows.append(["not asked until", until]) }
        if let latency = upstream.number(of: "latencyMilliseconds") {
            rows.append(["latency", "\(Int64(saturating: latency)) ms"])
        }
        if case .object(let members) = options {
            for (name, value) in members.sorted(by: { $0.key < $1.key }) { rows.append(["  \(name)", value.text]) }
        }
        return Shown.table(rows)
    }

    private static func error(_ upstream: JSONValue) -> String {
        guard let error = upstream["lastError"] else { return "-" }
        let status = error.number(of: "status").map { " (status \(Int64(saturating: $0)))" } ?? ""
        return "\(error.moment(of: "at") ?? "") \(error.text(of: "kind") ?? ""): \(error.text(of: "message") ?? "")\(status)"
    }

    private static func pulls(_ traffic: JSONValue) -> Int64 {
        ["hits", "revalidated", "updated", "misses", "stale", "failures"].map { traffic.count(of: $0) }.total
    }

    private static func ratio(_ traffic: JSONValue) -> String {
        traffic.number(of: "hitRatio").map { "\(Int64(saturating: ($0 * 100).rounded())) %" } ?? "-"
    }

    private static func quota(_ upstream: JSONValue) -> String {
        guard let quota = upstream["quota"] else { return "-" }
        return "\(quota.count(of: "remaining"))" + (quota.number(of: "limit").map { "/\(Int64(saturating: $0))" } ?? "")
    }
}
