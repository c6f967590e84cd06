import ArgumentParser
import WeirCore

/// `weir verify`: reads all stored content and checks it.
struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check everything a running server has stored: digests against bytes, rows against files.",
        discussion: """
            Ends with 0 where nothing is amiss, or nothing any more; with 1 where something is. What a disabled key seals is not amiss.
            What cannot be read now is never touched, and what is taken away waits in quarantine: weir lost.
            """)

    @Flag(help: "Take away what is damaged where upstream can give it again, and files that no row knows.")
    var repair = false
    @Flag(help: "With --repair: take damaged content away, too, that only a push can bring again.")
    var giveUpPushed = false
    @OptionGroup var server: ServerOptions

    func validate() throws {
        guard repair || !giveUpPushed else { throw ValidationError("--give-up-pushed is a kind of --repair: name both.") }
    }

    func run() async throws {
        try await server.speaking { client in
            let asked = JSONValue.members(["repair": .bool(repair), "giveUpPushed": giveUpPushed ? .bool(true) : nil])
            let started = try await client.call("StartVerification", asked)["run"] ?? .null
            let run = try await RunFollower(client: client).follow(started, JobsCommand.progress)
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
            text += faults.map(told).joined() + "\n"
        }
        let sealed = (report["sealedAway"] ?? .null).count(of: "items") + report.count(of: "sealedAwayManifests")
        if sealed > 0 {
            text +=
                "\(sealed) blobs and manifests are sealed by keys that are disabled or wait for their deletion: not looked at\n"
        }
        if let reason = report.text(of: "stopped") { text += reason + "\n" }
        return text + "\(blobs.count(of: "items")) blobs with \(Shown.bytes(blobs.count(of: "bytes"))) and "
            + "\(report.count(of: "manifests")) manifests read: \(report.count(of: "faultCount")) faults, "
            + "\(report.count(of: "repaired")) repaired\n"
    }

    /// Several short lines, since places and digests are long.
    private static func told(_ fault: JSONValue) -> String {
        let state = fault.flag("isRepaired") ? "repaired" : fault.flag("needsPush") ? "push it again" : "open"
        let holders = fault.texts("repositories")
        return
            "\(fault.text(of: "kind") ?? "") (\(state))\n  \(fault.text(of: "subject") ?? "")\n  \(fault.text(of: "detail") ?? "")\n"
            + (holders.isEmpty ? "" : "  held by \(holders.joined(separator: " "))\n")
    }
}
