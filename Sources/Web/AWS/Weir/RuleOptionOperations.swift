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
            for name in reset { try Self.option(named: name).reset(&options) }
            for option in RuleOption.all {
                if let value = try input.value(of: option) { _ = option.set(value, &options) }
            }
        }
        return ["rule": .rule(status, in: call.registry)]
    }

    private static func option(named name: String) throws -> RuleOption {
        if let option = RuleOption.all.first(where: { $0.member == name }) { return option }
        let names = RuleOption.all.map(\.member).joined(separator: ", ")
        throw Refusal.invalidParameter("reset", "there is no option '\(name.prefix(64))'. There are \(names)")
    }
}

extension Parameters {
    /// What is given for an option; nil where nothing is.
    fileprivate func value(of option: RuleOption) throws -> JSONValue? {
        let name = option.member
        switch option.form {
        case .seconds(let range): return try optionalInteger(name, range).map { .integer(Duration.seconds($0).microseconds) }
        case .count(let range), .bytes(let range): return try optionalInteger(name, range).map { .integer($0) }
        case .flag: return try optionalBool(name).map { .bool($0) }
        case .texts(_, let count): return try optionalStrings(name, count: count).map { .array($0.map { .string($0) }) }
        case .text(_, let length): return try optionalString(name, length: length).map { .string($0) }
        case .rate:
            switch document[name] {
            case nil, .null?: return nil
            case .integer?, .number?: return document[name]
            default: throw Refusal.invalidParameter(name, "must be a number")
            }
        case .choice(let choices):
            guard let text = try optionalString(name) else { return nil }
            guard let choice = choices.first(where: { $0.word == text }) else {
                throw refusal(.oneOf(choices.map(\.word)), text, name)
            }
            if let list = choice.list, !has(list) { throw refusal(.notNull, nil, list) }
            return .string(text)
        }
    }
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
        var members: [String: JSONValue] = [:]
        for option in RuleOption.all {
            members[option.member] = option.value(options)
            if case (.seconds, .integer(let time)?) = (option.form, option.value(options)) {
                members[option.member] = seconds(.microseconds(time))
            }
        }
        return .object(members)
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
