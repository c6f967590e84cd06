import ArgumentParser
import Glibc
import NIOCore
import WeirCore

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The hosts of a helper's machine, and its way to sign in.
struct MachineOptions: ParsableArguments {
    @Option(
        help: .init(
            "The hosts that are Weirs. (default: WEIR_HOSTS_FILE, ~/.config/weir/hosts.json, or /etc/weir/hosts.json)",
            valueName: "file"))
    var hosts: String?
    @Flag(help: "Keep no passwords in ~/.cache/weir, and use none from there.")
    var noCache = false

    func registryHosts() throws(CommandProblem) -> RegistryHosts {
        try RegistryHosts(file: hosts, Self.environment) { path throws(CommandProblem) in try CommandFile.contents(of: path) }
    }

    var signIn: RegistrySignIn {
        RegistrySignIn(
            environment: Self.environment, contents: { path throws(CommandProblem) in try CommandFile.contents(of: path) },
            run: { command throws(CommandProblem) in try CredentialProcess.run(command) },
            cache: noCache ? nil : TokenCache(Self.environment, clock: MachineClock.wall), clock: MachineClock.wall
        ) { host, call in
            let authorities =
                host.authority.map { [$0] } ?? [Self.environment["AWS_CA_BUNDLE"]].compactMap { $0 }.filter { !$0.isEmpty }
            let connection = try ServerConnection(endpoint: host.endpoint, authorities: authorities, timeout: .seconds(60))
            let outcome: Result<RegistryPassword, any Error>
            do { outcome = .success(try await call(connection)) } catch { outcome = .failure(error) }
            await connection.close()
            return try outcome.get()
        }
    }

    private static var environment: [String: String] { ProcessInfo.processInfo.environment }

    /// Prints an answer, and ends the command with 1 for a failure.
    static func show(_ answer: HelperAnswer) throws {
        Terminal.tell(answer.remark)
        Terminal.show(answer.output)
        if !answer.isSuccess { throw ExitCode.failure }
    }
}
