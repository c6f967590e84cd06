import ArgumentParser
import WeirCore

/// `weir jobs`: the jobs that commands have started on a running server, past and present.
struct JobsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "jobs",
        abstract: "List what a running server does for commands, and has done since its start.",
        discussion: """
            Warming, collecting and verifying go on when the command that asked for them has ended.
            """)

    @OptionGroup var server: ServerOptions

    func run() async throws {
        try await server.speaking { client in
            let warms = try await client.call("ListWarms", [:])
            // Runs belong to the home account: other callers get the warm-ups only.
            let runs = try await client.callIfAllowed("ListRuns", [:])
            let answer = JSONValue.members(["warms": warms["warms"], "runs": runs?["runs"]])
            server.show(answer) { Self.text(answer) }
        }
    }

    private static func text(_ answer: JSONValue) -> String {
        let rows = (answer.list("warms").map(warm) + answer.list("runs").map(run)).sorted { $0[0] > $1[0] }
        guard !rows.isEmpty else { return "Nothing has been asked for since the server's start.\n" }
        return Table([["SINCE", "WHAT", "STATE", "HOW FAR"]] + rows).text(within: nil)
    }

    private static func warm(_ job: JSONValue) -> [String] {
        [
            job.moment(of: "startedAt") ?? "", "warm", (job.text(of: "status") ?? "").lowercased(), WarmCommand.progress(job),
        ]
    }

    private static func run(_ run: JSONValue) -> [String] {
        let kind =
            switch run.text(of: "kind") {
            case "GARBAGE_COLLECTION": "gc"
            case "VERIFICATION": "verify"
            case "RESTORATION": "lost --restore"
            case "DELETION": "lost --delete"
            default: run.text(of: "kind") ?? ""
            }
        return [
            run.moment(of: "askedAt") ?? "", kind, (run.text(of: "status") ?? "").lowercased(),
            run.text(of: "problem") ?? outcome(run) ?? progress(run),
        ]
    }

    private static func outcome(_ run: JSONValue) -> String? {
        if let report = run["verification"] { return "\(report.count(of: "faultCount")) faults" }
        if let report = run["collection"] {
            return Shown.bytes(report.count(of: "freedBytes")) + (report.flag("dryRun") ? " would be freed" : " freed")
        }
        return run["lost"].map { "\(($0["done"] ?? .null).count(of: "items")) blobs" }
    }

    /// A run's progress: `layers: 12 of 40, 1.5 GiB read`.
    static func progress(_ run: JSONValue) -> String {
        let progress = run["progress"] ?? .null
        let total = progress.number(of: "total").map { " of \(Int64(saturating: $0))" } ?? ""
        let bytes = progress.count(of: "bytes")
        return "\(progress.text(of: "phase") ?? "waiting"): \(progress.count(of: "done"))\(total)"
            + (bytes > 0 ? ", \(Shown.bytes(bytes)) read" : "")
    }
}
