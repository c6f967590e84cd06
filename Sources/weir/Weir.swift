import ArgumentParser

/// The program: `weir serve`, and what is said to a running server.
@main
struct Weir: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "weir",
        abstract: "A container registry that you run yourself and that speaks Amazon ECR.",
        subcommands: [ServeCommand.self],
        groupedSubcommands: [
            CommandGroup(
                name: "A running server:",
                subcommands: [
                    RulesCommand.self, WarmCommand.self, RefreshCommand.self, WhyCommand.self, LifecycleCommand.self,
                    GCCommand.self, VerifyCommand.self, LostCommand.self, ClockCommand.self,
                ])
        ],
        defaultSubcommand: nil)
}
