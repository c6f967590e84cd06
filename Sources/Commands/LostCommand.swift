import ArgumentParser
import WeirCore

/// `weir lost`: blobs that the server has quarantined instead of deleting them.
struct LostCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lost",
        abstract: "List what a running server has taken out of its place, bring it back, or delete it for good.",
        discussion: """
            Collections and repairs delete nothing that upstream cannot give: it waits in quarantine for the grace period. Without an option
            it is listed, the oldest first. What is brought back is read whole before, and the repositories that held it serve it again.
            """)

    @Option(parsing: .upToNextOption, help: .init("Bring back these digests, or all.", valueName: "digest|all"))
    var restore: [String] = []
    @Option(parsing: .upToNextOption, help: .init("Delete these digests for good, or all.", valueName: "digest|all"))
    var delete: [String] = []
    @OptionGroup var server: ServerOptions

    func validate() throws {
        guard restore.isEmpty || delete.isEmpty else { throw ValidationError("--restore and --delete exclude each other.") }
    }

    func run() async throws {
        try await server.speaking { client in
            if !restore.isEmpty {
                try await act("RestoreLost", on: restore, "brought back", client)
            } else if !delete.isEmpty {
                try await act("DeleteLost", on: delete, "deleted", client)
            } else {
                try await list(client)
            }
        }
    }

    private func act(_ operation: String, on names: [String], _ verb: String, _ client: OperatorClient) async throws {
        // The API takes at most 1,000 names per call.
        let parts: [JSONValue] =
            names == ["all"]
            ? [["all": .bool(true)]]
            : stride(from: 0, to: names.count, by: 1_000).map { start in
                ["digests": .array(names[start..<min(start + 1_000, names.count)].map { .string($0) })]
            }
        var hasFailed = false
        for asked in parts {
            let started = try await client.call(operation, asked)["run"] ?? .null
            let run = try await RunFollower(client: client).follow(started) { run in
                "\((run["progress"] ?? .null).count(of: "done")) \(verb)"
            }
            server.show(run) { Self.text(run, verb) }
            hasFailed = hasFailed || run.text(of: "status") != "DONE" || (run["lost"]?.count(of: "failureCount") ?? 1) > 0
        }
        if hasFailed { throw ExitCode.failure }
    }

    private static func text(_ run: JSONValue, _ verb: String) -> String {
        guard let report = run["lost"] else { return "Failed: \(run.text(of: "problem") ?? "the server says no more")" }
        let done = report["done"] ?? .null
        var text = ""
        let failures = report.list("failures")
        if !failures.isEmpty {
            text += Table(
                [["DIGEST", "NOT \(verb.uppercased())"]]
                    + failures.map { [$0.text(of: "digest") ?? "", $0.text(of: "reason") ?? ""] }
            ).text(within: nil)
        }
        return text + "\(done.count(of: "items")) \(verb), \(Shown.bytes(done.count(of: "bytes")))\n"
    }

    /// In JSON, prints each page as the API returns it.
    private func list(_ client: OperatorClient) async throws {
        var token: JSONValue?
        var isFirst = true
        repeat {
            let page = try await client.call("ListLost", .members(["maxResults": .integer(1_000), "nextToken": token]))
            token = page["nextToken"]
            let hasMore = token != nil
            server.show(page) { Self.text(page, isFirst: isFirst, hasMore: hasMore) }
            isFirst = false
        } while token != nil
    }

    private static func text(_ page: JSONValue, isFirst: Bool, hasMore: Bool) -> String {
        let rows = page.list("lost").map { lost in
            [
                lost.text(of: "digest") ?? "", Shown.bytes(lost.count(of: "size")), lost.text(of: "why") ?? "",
                lost.moment(of: "since") ?? "", lost.moment(of: "until") ?? "", lost.texts("repositories").joined(separator: " "),
            ]
        }
        let head = isFirst && !rows.isEmpty ? [["DIGEST", "SIZE", "WHY", "SINCE", "DELETED AFTER", "HELD BY"]] : []
        let total = page["total"] ?? .null
        let foot = "\(total.count(of: "items")) blobs in quarantine, \(Shown.bytes(total.count(of: "bytes")))\n"
        return (rows.isEmpty ? "" : Table(head + rows).text(within: nil)) + (hasMore ? "" : foot)
    }
}
