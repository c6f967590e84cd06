package import WeirCore

/// Cache rules for people.
package enum RuleText {
    /// A line for each rule.
    ///
    /// - Parameters:
    ///   - rules: the member `rules` of ListRules's answer.
    ///   - width: the terminal's columns; nil cuts nothing.
    ///   - now: seconds since 1970.
    package static func table(_ rules: [JSONValue], within width: Int?, now: Double) -> String {
        guard !rules.isEmpty else {
            return "There are no cache rules here. aws ecr create-pull-through-cache-rule makes one\n"
        }
        let head = ["PREFIX", "UPSTREAM", "PULLS", "HITS", "IN", "OUT", "QUOTA", "BREAKER", "LAST SUCCESS", "LAST ERROR"]
        return Table([head] + rules.map { row($0, now) }).text(within: width)
            + "Counted since the server's start. All about one rule: weir rules show PREFIX\n"
    }

    private static func row(_ rule: JSONValue, _ now: Double) -> [String] {
        let traffic = rule["traffic"] ?? .null
        let upstream = rule["upstream"] ?? .null
        let error = upstream["lastError"]
        return [
            rule.text(of: "ecrRepositoryPrefix") ?? "", rule.text(of: "upstreamRegistryUrl") ?? "", "\(pulls(traffic))",
            ratio(traffic), Shown.bytes(traffic.count(of: "bytesIn")), Shown.bytes(traffic.count(of: "bytesOut")),
            quota(upstream), upstream.text(of: "breaker") ?? "-", ago(upstream, "lastSuccess", now),
            error.map { "\(ago($0, "at", now)): \($0.text(of: "message") ?? "")" } ?? "-",
        ]
    }

    /// One rule in full, a line for each property.
    ///
    /// - Parameter rule: the rule in DescribeRule's answer.
    package static func whole(_ rule: JSONValue) -> String {
        let traffic = rule["traffic"] ?? .null
        let upstream = rule["upstream"] ?? .null
        var rows = [
            ["prefix", rule.text(of: "ecrRepositoryPrefix") ?? ""],
            ["upstream", "\(rule.text(of: "upstreamRegistryUrl") ?? "") (\(rule.text(of: "upstreamKind") ?? ""))"],
        ]
        if let prefix = rule.text(of: "upstreamRepositoryPrefix") { rows.append(["repositories upstream", "\(prefix)/…"]) }
        rows += [["secret", rule.flag("hasCredential") ? "yes" : "none"]]
        rows += RuleOption.rows(rule["options"] ?? .null)
        rows += [
            ["breaker", upstream.text(of: "breaker") ?? "-"], ["quota left", quota(upstream)],
            ["last success", upstream.moment(of: "lastSuccess") ?? "-"], ["last error", error(upstream)],
        ]
        if let until = upstream.moment(of: "pausedUntil") { rows.append(["not asked until", until]) }
        if let latency = upstream.number(of: "latencyMilliseconds") {
            rows.append(["latency", "\(Int64(saturating: latency)) ms"])
        }
        return Table(rows + since(traffic)).text(within: nil)
    }

    /// Counters since the server's start.
    private static func since(_ traffic: JSONValue) -> [[String]] {
        [
            ["since the server's start"],
            ["  pulls", outcomes.map { "\(traffic.count(of: $0)) \($0 == "failures" ? "failed" : $0)" }.joined(separator: ", ")],
            ["  hit ratio", ratio(traffic)],
            ["  bytes", "\(Shown.bytes(traffic.count(of: "bytesIn"))) in, \(Shown.bytes(traffic.count(of: "bytesOut"))) out"],
            ["  being fetched", "\(traffic.count(of: "fillsRunning")) blobs"],
        ] + (traffic.count(of: "failures") > 0 ? [["", failures]] : [])
    }

    /// Members of the API's `traffic`.
    private static let outcomes = ["hits", "revalidated", "updated", "misses", "stale", "failures"]

    private static let failures =
        "(failed: pulls that got no image; also of what upstream does not have, which is no error of upstream's)"

    private static func error(_ upstream: JSONValue) -> String {
        guard let error = upstream["lastError"] else { return "-" }
        let status = error.number(of: "status").map { " (status \(Int64(saturating: $0)))" } ?? ""
        return "\(error.moment(of: "at") ?? "") \(kind(error.text(of: "kind")))\(error.text(of: "message") ?? "")\(status)"
    }

    private static func kind(_ name: String?) -> String {
        switch name {
        case "denied": "login refused: "
        case "rateLimited": "too many requests: "
        case "unavailable": "not reached: "
        case "invalid": "its answer made no sense: "
        case "guarded": "not followed: "
        default: ""
        }
    }

    private static func ago(_ value: JSONValue, _ name: String, _ now: Double) -> String {
        value.number(of: name).map { Shown.ago($0, now: now) } ?? "-"
    }

    private static func pulls(_ traffic: JSONValue) -> Int64 { outcomes.map { traffic.count(of: $0) }.total }

    private static func ratio(_ traffic: JSONValue) -> String {
        traffic.number(of: "hitRatio").map { "\(Int64(saturating: ($0 * 100).rounded())) %" } ?? "-"
    }

    private static func quota(_ upstream: JSONValue) -> String {
        guard let quota = upstream["quota"] else { return "-" }
        return "\(quota.count(of: "remaining"))" + (quota.number(of: "limit").map { "/\(Int64(saturating: $0))" } ?? "")
    }
}
