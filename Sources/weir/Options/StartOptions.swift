import ArgumentParser

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

    func put(in values: inout OptionValues) {
        values.put(.acceptEmptyDatabase, acceptEmptyDatabase)
        values.put(.acceptOlderDatabase, acceptOlderDatabase)
        values.put(.acceptMissingBlobs, acceptMissingBlobs)
        values.put(.allowCoreDumps, allowCoreDumps)
    }
}
