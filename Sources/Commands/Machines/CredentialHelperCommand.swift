import ArgumentParser
import Glibc

/// `weir credential-helper`, also as the program `docker-credential-weir`: docker's credential helper.
struct CredentialHelperCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "credential-helper", abstract: "Sign docker, podman and BuildKit in, each time they ask.",
        discussion:
            #"docker runs it as docker-credential-weir, a link to this program in PATH: {"credHelpers": {"HOST": "weir"}} in "#
            + "~/.docker/config.json. Hosts are named by the file of hosts, by WEIR_HOSTS (HOST or HOST=URL), and by "
            + "AWS_ENDPOINT_URL_ECR. Credentials are found as AWS's SDKs find them.")

    @OptionGroup var machine: MachineOptions
    @Argument(help: .init("get, list, store or erase. The host is read from standard input.", valueName: "action"))
    var action: String

    func run() async throws {
        let helper = CredentialHelper({ [machine] () throws(CommandProblem) in try machine.registryHosts() }, machine.signIn)
        let isAsked = ["get", "store", "erase"].contains(action)
        let input: [UInt8]
        do throws(CommandProblem) {
            input =
                isAsked
                ? try CommandFile.contents(of: STDIN_FILENO, named: "standard input", limit: CredentialHelper.maxInput) : []
        } catch {
            // What `store` was given is of no interest, however long it is.
            try MachineOptions.show(HelperAnswer(output: action == "get" ? "\(error)\n" : "", isSuccess: action != "get"))
            return
        }
        try MachineOptions.show(await helper.answer(action, input: input))
    }
}

extension OperatorCommands {
    /// The words of a command line, where the program was called by another name than its own: `docker-credential-weir get` is
    /// `weir credential-helper get`.
    package static func words(of arguments: [String]) -> [String] {
        let name = arguments.first?.split(separator: "/").last
        return (name == "docker-credential-weir" ? ["credential-helper"] : []) + arguments.dropFirst()
    }
}
