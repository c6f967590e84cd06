import ArgumentParser
import Glibc
import WeirCore

/// `weir credential-provider`: the kubelet's exec plugin, and its configuration.
struct CredentialProviderCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "credential-provider", abstract: "Sign the kubelet in, for each image that it pulls.",
        discussion:
            "The kubelet runs it as its CredentialProviderConfig says, which `weir credential-provider config` prints. Hosts are named "
            + "by the file of hosts, by WEIR_HOSTS and by AWS_ENDPOINT_URL_ECR. Without a service account token the node signs in "
            + "by its own credentials, found as AWS's SDKs find them.",
        subcommands: [Answer.self, Config.self], defaultSubcommand: Answer.self)

    struct Answer: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Answer the CredentialProviderRequest on standard input. The default.")
        @OptionGroup var machine: MachineOptions
        @OptionGroup var pods: PodOptions
        @Option(help: .init("What the kubelet keeps a password for. (default: Image)", valueName: "Image|Registry"))
        var cacheKeyType = CredentialProvider.CacheKeyType.image

        func run() async throws {
            var options = CredentialProvider.Options()
            options.cacheKeyType = cacheKeyType
            options.needsServiceAccount = pods.serviceAccountTokens
            options.roleAnnotation = pods.roleAnnotation
            options.role = pods.roleARN
            let provider = CredentialProvider(
                options, { [machine] () throws(CommandProblem) in try machine.registryHosts() }, machine.signIn,
                clock: MachineClock.wall)
            let input: [UInt8]
            do throws(CommandProblem) {
                input = try CommandFile.contents(
                    of: STDIN_FILENO, named: "standard input", limit: CredentialProvider.maxInput)
            } catch {
                try MachineOptions.show(HelperAnswer(output: "", remark: "weir: \(error)\n", isSuccess: false))
                return
            }
            try MachineOptions.show(await provider.answer(input))
        }
    }

    struct Config: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print a CredentialProviderConfig for this machine's hosts, or check the one of a file.",
            discussion: "A check ends with 1 where something in the file would keep images from being pulled.")
        @OptionGroup var machine: MachineOptions
        @OptionGroup var pods: PodOptions
        @Option(help: .init("The name of the plugin's program in the kubelet's folder. (default: weir)", valueName: "name"))
        var name = "weir"
        @Option(
            help: .init("The audience of service account tokens. (default: weir)", valueName: "text"))
        var audience = KubeletConfiguration.defaultAudience
        @Argument(help: .init("A CredentialProviderConfig to check, in YAML or JSON.", valueName: "file"))
        var file: String?

        func run() throws {
            do throws(CommandProblem) {
                let hosts = try machine.registryHosts()
                guard let file else {
                    Terminal.show(try configuration.text(for: hosts))
                    return
                }
                guard let bytes = try CommandFile.contents(of: file) else { throw CommandProblem("'\(file)' does not exist") }
                let findings = KubeletLint(hosts: hosts).findings(in: bytes)
                Terminal.show(findings.isEmpty ? "'\(file)' is well\n" : findings.map { "\($0)\n" }.joined())
                if findings.contains(where: \.isFatal) { throw CommandProblem("'\(file)' would keep images from being pulled") }
            } catch {
                Terminal.tell("weir: \(error)\n")
                throw ExitCode.failure
            }
        }

        private var configuration: KubeletConfiguration {
            KubeletConfiguration(
                name: name, hostsFile: machine.hosts, hasServiceAccounts: pods.serviceAccountTokens, audience: audience,
                roleAnnotation: pods.roleAnnotation, role: pods.roleARN)
        }
    }
}

/// Sign-ins of pods by their service accounts.
struct PodOptions: ParsableArguments {
    @Flag(help: "Sign in by the pods' service account tokens only, and never by the node's credentials.")
    var serviceAccountTokens = false
    @Option(
        help: .init(
            "The service account's annotation that names its role. (default: \(CredentialProvider.Options.eksAnnotation))",
            valueName: "key"))
    var roleAnnotation = CredentialProvider.Options.eksAnnotation
    @Option(
        name: .customLong("role-arn"),
        help: .init("The role of service accounts without that annotation. (default: they get nothing)", valueName: "arn"))
    var roleARN: String?
}

extension CredentialProvider.CacheKeyType: ExpressibleByArgument {}
