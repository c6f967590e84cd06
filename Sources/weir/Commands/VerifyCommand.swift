import ArgumentParser
import WeirCore
import WeirWeb

/// `weir verify`: reads everything that is stored and compares it with what it should be.
struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check everything a running server has stored: digests against bytes, rows against files.",
        discussion: "Ends with 0 where nothing is amiss, or nothing any more; with 1 where something is.")

    @Flag(help: "Remove what is damaged where upstream can give it again, and what a crash left behind.")
    var repair = false
    @OptionGroup var server: ServerOptions

    func run() async throws {
        try await server.speaking { client in
            let started = try await client.call("StartVerification", ["repair": .bool(repair)])["run"] ?? .null
            let run = try await RunFollower(client: client).follow(started) { run in
                let progress = run["progress"] ?? .null
                let total = progress.number(of: "total").map { " of \(Int64(saturating: $0))" } ?? ""
                return "\(progress.text(of: "phase") ?? "waiting"): \(progress.count(of: "done"))\(total), "
                    + "\(Shown.bytes(progress.count(of: "bytes"))) read"
            }
            server.show(run) { Self.text(run) }
            guard run.text(of: "status") == "DONE", run["verification"]?.flag("isClean") == true else {
                throw ExitCode.failure
            }
        }
    }

    private static func text(_ run: JSONValue) -> String {
        guard let report = run["verification"] else { return "Failed: \(run.text(of: "problem") ?? "the server says no more")" }
        let blobs = report["blobs"] ?? .null
        var text = ""
        let faults = report.list("faults")
        if !faults.isEmpty {
            text += Shown.table(
                [["FAULT", "WHERE", "STATE", "DETAIL"]]
                    + faults.map { fault in
                        let state = fault.flag("isRepaired") ? "repaired" : fault.flag("needsPush") ? "push it again" : "open"
                        return [
                            fault.text(of: "kind") ?? "", fault.text(of: "subject") ?? "", state,
                            ([fault.text(of: "detail") ?? ""] + fault.texts("repositories")).joined(separator: " "),
                        ]
                    })
        }
        return text + "\(blobs.count(of: "items")) blobs with \(Shown.bytes(blobs.count(of: "bytes"))) and "
            + "\(report.count(of: "manifests")) manifests read: \(report.count(of: "faultCount")) faults, "
            + "\(report.count(of: "repaired")) repaired\n"
    }
}
