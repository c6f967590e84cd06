import WeirCore
import WeirRegistry

/// Cache rules as their operator sees them: their traffic, their upstream's state, and the options beyond ECR's API.
struct RuleOptionOperations: Sendable {
    let registry: Registry

    var table: [AWSOperation] {
        [
            AWSOperation(.weir, "ListRules", may: .registry, list),
            AWSOperation(.weir, "DescribeRule", may: .registry, describe),
            AWSOperation(.weir, "SetRuleOptions", may: .registry, setOptions),
        ]
    }

    private func list(_ call: AWSCall) async throws -> JSONValue {
        let rules = try await registry.cacheRules.statuses(in: call.registry)
        return ["rules": .array(rules.map { .rule($0, in: call.registry) })]
    }

    private func describe(_ call: AWSCall) async throws -> JSONValue {
        let prefix = try call.prefix("ecrRepositoryPrefix", lengths: CacheRule.prefixLengths)
        return ["rule": .rule(try await registry.cacheRules.status(of: prefix, in: call.registry), in: call.registry)]
    }

    /// Sets the given options and leaves the others; `reset` names those that go back to the server's default.
    private func setOptions(_ call: AWSCall) async throws -> JSONValue {
        let prefix = try call.prefix("ecrRepositoryPrefix", lengths: CacheRule.prefixLengths)
        let input = call.input
        let reset = try input.optionalStrings("reset", count: 0...20) ?? []
        let status = try await registry.cacheRules.setOptions(of: prefix, in: call.registry) { options in
            try self.reset(&options, reset)
            try self.set(&options, input)
        }
        return ["rule": .rule(status, in: call.registry)]
    }

    private func set(_ options: inout RuleOptions, _ input: Parameters) throws {
        let year: ClosedRange<Int64> = 0...31_536_000
        if let seconds = try input.optionalInteger("freshnessSeconds", year) { options.freshness = .seconds(seconds) }
        if let seconds = try input.optionalInteger("referrersFreshnessSeconds", year) {
            options.referrersFreshness = .seconds(seconds)
        }
        if let tags = try input.optionalStrings("pinnedTags", count: 0...RuleOptions.pinnedTagsLimit) {
            options.pinnedTags = tags
        }
        if let fetch = try fetch(input) { options.fetch = fetch }
        if let list = try input.optionalChoice("tags", RuleOptions.TagList.self) { options.tagList = list }
        if let count = try input.optionalInteger("connections", 1...10_000) { options.connections = Int(count) }
        if let rate = try rate(input) { options.requestsPerSecond = rate }
        if let rate = try input.optionalInteger("bytesPerSecond", 1...ByteCount.limit) { options.bytesPerSecond = rate }
        if let isPlain = try input.optionalBool("plainHTTP") { options.plainHTTP = isPlain }
        if let path = try input.optionalString("pathPrefix", length: 0...256) { options.pathPrefix = path.isEmpty ? nil : path }
    }

    private func fetch(_ input: Parameters) throws -> RuleOptions.Fetch? {
        let platforms = try input.optionalStrings("platforms", count: 1...RuleOptions.platformsLimit)
        switch try input.optionalChoice("fetch", FetchMode.self) {
        case .requested?: return .requested
        case .all?: return .all
        case .platforms?: return .platforms(try input.required("platforms", platforms))
        case nil: return platforms.map { .platforms($0) }
        }
    }

    private enum FetchMode: String, CaseIterable { case requested, all, platforms }

    private func rate(_ input: Parameters) throws -> Double? {
        switch input.document["requestsPerSecond"] {
        case nil, .null?: return nil
        case .integer(let number)?: return Double(number)
        case .number(let number)?: return number
        default: throw Refusal.invalidParameter("requestsPerSecond", "must be a number")
        }
    }

    private func reset(_ options: inout RuleOptions, _ names: [String]) throws {
        let fresh = RuleOptions()
        for name in names {
            switch name {
            case "freshnessSeconds": options.freshness = fresh.freshness
            case "referrersFreshnessSeconds": options.referrersFreshness = fresh.referrersFreshness
            case "pinnedTags": options.pinnedTags = fresh.pinnedTags
            case "fetch", "platforms": options.fetch = fresh.fetch
            case "tags": options.tagList = fresh.tagList
            case "connections": options.connections = fresh.connections
            case "requestsPerSecond": options.requestsPerSecond = fresh.requestsPerSecond
            case "bytesPerSecond": options.bytesPerSecond = fresh.bytesPerSecond
            case "plainHTTP": options.plainHTTP = fresh.plainHTTP
            case "pathPrefix": options.pathPrefix = fresh.pathPrefix
            default:
                throw Refusal.invalidParameter(
                    "reset", "there is no option '\(name.prefix(64))'. There are \(Self.names.joined(separator: ", "))")
            }
        }
    }

    /// What `reset` may name: the members of `options`.
    private static let names = [
        "freshnessSeconds", "referrersFreshnessSeconds", "pinnedTags", "fetch", "platforms", "tags", "connections",
        "requestsPerSecond", "bytesPerSecond", "plainHTTP", "pathPrefix",
    ]
}

extension JSONValue {
    fileprivate static func rule(_ status: RuleStatus, in registry: RegistryID) -> JSONValue {
        let rule = status.rule
        return .members([
            "ecrRepositoryPrefix": .string("\(rule.prefix)"), "upstreamRegistryUrl": .string(rule.upstreamURL),
            "upstreamKind": .string(rule.kind.rawValue), "upstreamRepositoryPrefix": rule.upstreamPrefix.map { .string("\($0)") },
            "hasCredential": .bool(rule.credentialARN != nil), "createdAt": .timestamp(rule.createdAt),
            "options": options(rule.options), "traffic": traffic(status.traffic),
            "upstream": status.upstream.map(upstream),
        ])
    }

    private static func options(_ options: RuleOptions) -> JSONValue {
        let (fetch, platforms): (String, [String]?) =
            switch options.fetch {
            case .requested: ("requested", nil)
            case .all: ("all", nil)
            case .platforms(let names): ("platforms", names)
            }
        return .members([
            "freshnessSeconds": options.freshness.map(seconds),
            "referrersFreshnessSeconds": options.referrersFreshness.map(seconds),
            "pinnedTags": strings(options.pinnedTags), "fetch": .string(fetch), "platforms": platforms.map(strings),
            "tags": .string(options.tagList.rawValue),
            "connections": options.connections.map { .integer(Int64($0)) },
            "requestsPerSecond": options.requestsPerSecond.map { .number($0) },
            "bytesPerSecond": options.bytesPerSecond.map { .integer($0) }, "plainHTTP": .bool(options.plainHTTP),
            "pathPrefix": options.pathPrefix.map { .string($0) },
        ])
    }

    private static func traffic(_ traffic: RuleTraffic) -> JSONValue {
        .members([
            "hits": .integer(traffic.hits), "revalidated": .integer(traffic.revalidated), "updated": .integer(traffic.updated),
            "misses": .integer(traffic.misses), "stale": .integer(traffic.stale), "failures": .integer(traffic.failures),
            "hitRatio": traffic.hitRatio.map { .number($0) }, "bytesIn": .integer(traffic.bytesIn),
            "bytesOut": .integer(traffic.bytesOut), "fillsRunning": .integer(Int64(traffic.fillsRunning)),
            "lastPull": traffic.lastPull.map { .timestamp($0) },
        ])
    }

    private static func upstream(_ status: UpstreamStatus) -> JSONValue {
        .members([
            "host": .string(status.host), "breaker": .string(status.breaker.rawValue),
            "pausedUntil": status.pausedUntil.map { .timestamp($0) },
            "lastSuccess": status.lastSuccess.map { .timestamp($0) },
            "lastError": status.lastFailure.map { failure in
                .members([
                    "at": .timestamp(failure.at), "kind": .string(failure.kind.rawValue), "message": .string(failure.message),
                    "status": failure.status.map { .integer(Int64($0)) },
                ])
            },
            "quota": status.quota.map { quota in
                .members([
                    "limit": quota.limit.map { .integer(Int64($0)) }, "remaining": .integer(Int64(quota.remaining)),
                    "windowSeconds": quota.window.map(seconds), "at": .timestamp(quota.at),
                ])
            },
            "latencyMilliseconds": status.latency.map { .integer($0.microseconds / 1_000) },
            "requests": .integer(status.requests), "failures": .integer(status.failures),
            "bytesReceived": .integer(status.bytesReceived),
        ])
    }

    private static func seconds(_ duration: Duration) -> JSONValue { .integer(duration.microseconds / 1_000_000) }
}
