import ArgumentParser
import WeirCore

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

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
                server.show(answer) {
                    RuleText.table(answer.list("rules"), within: Terminal.width, now: Date().timeIntervalSince1970)
                }
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
        @Option(
            parsing: .unconditional,
            help: .init("How long upstream's word about a tag counts; 0 asks at every pull.", valueName: "seconds"),
            transform: Numbers.seconds)
        var freshness: Int64?
        @Option(
            parsing: .unconditional, help: .init("How long upstream's list of referrers counts.", valueName: "seconds"),
            transform: Numbers.seconds)
        var referrersFreshness: Int64?
        @Option(
            name: .customLong("pin"),
            help: .init(
                "A tag, or a pattern with *, that upstream is never asked about again. May be repeated; replaces the list.",
                valueName: "pattern"))
        var pinned: [String] = []
        @Option(
            help: .init("What is fetched of a multi-platform image when its list is pulled.", valueName: "requested|all"))
        var fetch: String?
        @Option(
            name: .customLong("platform"),
            help: .init("A platform to fetch when a list is pulled. May be repeated.", valueName: "os/arch[/variant]"))
        var platforms: [String] = []
        @Option(
            help: .init(
                "Whether a list of tags holds upstream's as well as those that are here.", valueName: "local|merged"))
        var tags: String?
        @Option(
            parsing: .unconditional, help: .init("Requests at a time.", valueName: "count"), transform: Numbers.count)
        var connections: Int64?
        @Option(
            parsing: .unconditional, help: .init("Requests a second.", valueName: "number"), transform: Numbers.rate)
        var requestsPerSecond: Double?
        @Option(
            parsing: .unconditional, help: .init("Bytes a second, 1024 or more.", valueName: "bytes"), transform: Numbers.count)
        var bytesPerSecond: Int64?
        @Option(help: .init("Whether the upstream speaks http without TLS.", valueName: "true|false"))
        var plainHTTP: Bool?
        @Option(help: .init("What stands before /v2/ upstream.", valueName: "path"))
        var pathPrefix: String?
        @Option(
            help: .init(
                "One of these options, such as freshness, that goes back to the server's own. May be repeated.",
                valueName: "option"), transform: { try RuleOption(named: $0) })
        var reset: [RuleOption] = []
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
                "fetch": fetch.map { .string($0) }, "platforms": list(platforms), "tags": tags.map { .string($0) },
                "connections": connections.map { .integer($0) }, "requestsPerSecond": requestsPerSecond.map { .number($0) },
                "bytesPerSecond": bytesPerSecond.map { .integer($0) }, "plainHTTP": plainHTTP.map { .bool($0) },
                "pathPrefix": pathPrefix.map { .string($0) }, "reset": list(reset.map(\.member)),
            ])
        }

        private func list(_ texts: [String]) -> JSONValue? { texts.isEmpty ? nil : .array(texts.map { .string($0) }) }
    }
}
