import ArgumentParser
import WeirCore

/// `weir gc`: removes blobs that nothing references.
struct GCCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gc", abstract: "Collect garbage on a running server: what no image names any more.")

    @Flag(help: "Only tell what would go.")
    var dryRun = false
    @Option(
        parsing: .unconditional,
        help: .init("How long content that no image names is kept, this time. (default: the server's)", valueName: "seconds"),
        transform: Numbers.seconds)
    var grace: Int64?
    @Flag(help: "Take files that no row knows however many they are: where the database is the one that belongs to the files.")
    var force = false
    @OptionGroup var server: ServerOptions

    func run() async throws {
        try await server.speaking { client in
            let asked = JSONValue.members([
                "dryRun": .bool(dryRun), "graceSeconds": grace.map { .integer($0) }, "force": force ? .bool(true) : nil,
            ])
            let started = try await client.call("StartGarbageCollection", asked)["run"] ?? .null
            let run = try await RunFollower(client: client).follow(started) { run in
                let progress = run["progress"] ?? .null
                return "\(progress.text(of: "phase") ?? "waiting"): \(progress.count(of: "done")) looked at"
            }
            server.show(run) { Self.text(run) }
            let isStopped = run["collection"]?.text(of: "stopped") != nil
            if run.text(of: "status") != "DONE" || isStopped { throw ExitCode.failure }
        }
    }

    private static func text(_ run: JSONValue) -> String {
        guard let report = run["collection"] else { return "Failed: \(run.text(of: "problem") ?? "the server says no more")" }
        func row(_ name: String, _ member: String) -> [String] {
            let count = report[member] ?? .null
            return [name, "\(count.count(of: "items"))", Shown.bytes(count.count(of: "bytes"))]
        }
        let table = Table([
            ["", "BLOBS", "BYTES"], row("without an image, to quarantine", "blobs"),
            row("without a row, to quarantine", "orphans"),
            row("deleted from quarantine", "emptied"), row("evicted from the cache", "evicted"),
            row("stored afterwards", "stored"), row("  of it cached", "cached"),
        ]).text(within: nil)
        let verb = report.flag("dryRun") ? "would be freed" : "freed"
        let failures = report.count(of: "failures")
        return table + "\(Shown.bytes(report.count(of: "freedBytes"))) \(verb)"
            + (failures > 0 ? "; \(failures) files could not be moved or deleted, the next run tries again" : "") + "\n"
            + (report.text(of: "stopped").map { $0 + "\n" } ?? "")
    }
}
