import WeirCore

/// What the settings say of the start: of the folder that it finds, and of the process itself.
extension Values {
    mutating func readStart(_ settings: inout Settings) async {
        for (key, doubt) in [
            (Settings.Key.acceptEmptyDatabase, StoreBond.Doubt.emptyDatabase), (.acceptOlderDatabase, .olderDatabase),
            (.acceptMissingBlobs, .otherStore),
        ] where await bool(key) == true {
            settings.acceptedDoubts.insert(doubt)
        }
        if let text = await string(.reserve) {
            settings.reserve = ByteSize(text)?.bytes
            if settings.reserve == nil { problems.append("reserve: '\(text)' is no size such as 2GiB") }
        }
        settings.allowsCoreDumps = await bool(.allowCoreDumps) ?? false
    }

    /// A file that a setting names: problems are told together with all others, and why it cannot be read.
    mutating func checkFile(_ path: String, _ name: String) {
        do throws(StartProblem) {
            if try StartFile.contents(of: path) == nil { problems.append("\(name) '\(path)' cannot be read: it is not there") }
        } catch {
            problems.append("\(name) cannot be read: \(error)")
        }
    }
}
