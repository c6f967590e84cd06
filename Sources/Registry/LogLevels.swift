import Logging

extension Logger.Level {
    /// The level for a failure of background work. Work that broke off because the program stops has not failed: the next start
    /// goes on with it.
    func unlessStopping(_ error: any Error) -> Logger.Level { error is CancellationError ? .debug : self }
}
