import ArgumentParser

/// The program: `weir serve`.
@main
struct Weir: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "weir",
        abstract: "A container registry that you run yourself and that speaks Amazon ECR.",
        subcommands: [ServeCommand.self],
        defaultSubcommand: nil)
}
