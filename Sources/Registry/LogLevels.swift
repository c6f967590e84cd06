import Logging

extension Logger.Level {
    /// How loud a failure of background work is told: what broke off because the program stops is no failure, and the next start
    /// goes on with it.
    func unlessStopping(_ error: any Error) -> Logger.Level { error is CancellationError ? .debug : self }
}
