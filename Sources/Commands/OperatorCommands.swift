package import ArgumentParser

/// The commands that speak to a running server.
package enum OperatorCommands {
    /// In the order in which `weir --help` lists them.
    package static var all: [any ParsableCommand.Type] {
        [
            RulesCommand.self, WarmCommand.self, RefreshCommand.self, WhyCommand.self, LifecycleCommand.self, GCCommand.self,
            VerifyCommand.self, LostCommand.self, JobsCommand.self, ClockCommand.self, AccountsCommand.self, KeysCommand.self,
            IAMCommand.self, OIDCCommand.self,
        ]
    }

    /// The commands that other programs run, to be signed in.
    package static var forMachines: [any ParsableCommand.Type] { [CredentialHelperCommand.self, CredentialProviderCommand.self] }
}
