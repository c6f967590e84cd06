import ArgumentParser
import WeirCore

/// `weir clock`: shows the state of the server's clock, and confirms that it is right.
struct ClockCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "clock", abstract: "Say how a running server's clock stands, or that it is right.",
        discussion:
            "After a jump nothing that has a date is removed until the clock has been steady for a day, or `weir clock accept`.",
        subcommands: [Show.self, Accept.self], defaultSubcommand: Show.self)

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say how the clock stands. Ends with 1 where it has jumped.")
        @OptionGroup var server: ServerOptions

        func run() async throws {
            try await server.speaking { client in
                let clock = try await client.call("DescribeClock", [:])["clock"] ?? .null
                server.show(clock) { ClockCommand.text(clock) }
                if clock.text(of: "state") != "STEADY" { throw ExitCode.failure }
            }
        }
    }

    struct Accept: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say that the clock is right as it is: what has a date is dealt with as ever.")
        @OptionGroup var server: ServerOptions

        func run() async throws {
            try await server.speaking { client in
                let clock = try await client.call("AcceptClock", [:])["clock"] ?? .null
                server.show(clock) { ClockCommand.text(clock) }
            }
        }
    }

    private static func text(_ clock: JSONValue) -> String {
        let sentence = clock.text(of: "message") ?? ""
        guard let left = clock.number(of: "believedInSeconds") else { return sentence }
        return sentence
            + ". Nothing that has a date is removed. If it is right: weir clock accept. Else set it right; as it is, it is believed in "
            + "\(Int64(left) / 3600) h \(Int64(left) % 3600 / 60) min"
    }
}
