import ArgumentParser
import WeirCommands

/// The program: `weir serve`, and the commands for a running server.
@main
struct Weir: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "weir",
        abstract: "A container registry that you run yourself and that speaks Amazon ECR.",
        discussion: "weir --generate-completion-script bash (or zsh, fish) prints what completes these commands in a shell.",
        version: "weir \(Version.text)",
        subcommands: [ServeCommand.self],
        groupedSubcommands: [
            CommandGroup(name: "A running server's", subcommands: OperatorCommands.all),
            CommandGroup(name: "For docker and Kubernetes", subcommands: OperatorCommands.forMachines),
        ],
        defaultSubcommand: nil)

    static func main() async {
        let words = OperatorCommands.words(of: CommandLine.arguments)
        var command: any ParsableCommand
        do { command = try await asyncParseAsRoot(words) } catch {
            // For a misspelt command the library only says that the word was not expected.
            guard exitCode(for: error) == .validationFailure, let advice = Nearest.advice(on: words, of: Self.self) else {
                exit(withError: error)
            }
            exit(withError: ValidationError(advice))
        }
        do {
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch { exit(withError: error) }
    }
}
