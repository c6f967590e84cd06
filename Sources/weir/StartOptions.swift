import ArgumentParser
import Configuration

/// Options of `weir serve` for a start on a folder that does not look as it should, and for the process itself.
struct StartOptions: ParsableArguments {
    @Flag(help: "Start though weir.db knows nothing of what lies in blobs/: it is lost for good. Use it once.")
    var acceptEmptyDatabase = false
    @Flag(help: "Start though weir.db is older than blobs/: what was pushed since is lost for good. Use it once.")
    var acceptOlderDatabase = false
    @Flag(help: "Start though blobs/ is not the folder that weir.db belongs to: what it held is lost for good. Use it once.")
    var acceptMissingBlobs = false
    @Flag(help: "Let a crash leave a core dump, which holds every key.")
    var allowCoreDumps = false
    @Option(
        help: "How much is kept free on the volume, such as 2GiB: below it nothing is stored. (default: 2 % of it, 1 GiB at most)"
    )
    var reserve: String?

    /// What is set, by the settings' keys.
    var values: [AbsoluteConfigKey: ConfigValue] {
        var values: [AbsoluteConfigKey: ConfigValue] = [:]
        for (key, isSet) in [
            (Settings.Key.acceptEmptyDatabase, acceptEmptyDatabase), (.acceptOlderDatabase, acceptOlderDatabase),
            (.acceptMissingBlobs, acceptMissingBlobs), (.allowCoreDumps, allowCoreDumps),
        ] where isSet {
            values[key.configKey] = ConfigValue(.bool(true), isSecret: false)
        }
        if let reserve { values[Settings.Key.reserve.configKey] = ConfigValue(.string(reserve), isSecret: false) }
        return values
    }
}
