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
        @OptionGroup var options: RuleOptionArguments
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
            JSONValue.object(options.members).adding([
                "ecrRepositoryPrefix": .string(prefix),
                "reset": reset.isEmpty ? nil : .array(reset.map { .string($0.member) }),
            ])
        }
    }
}
