import WeirCore

/// Polls a run on the server until it ends, and shows its progress.
struct RunFollower {
    private static let pause = Duration.milliseconds(500)

    let client: OperatorClient

    /// Returns the run once it has ended.
    ///
    /// - Parameters:
    ///   - operation: describes a run by its number.
    ///   - member: the member of its answer that holds the run.
    func follow(
        _ run: JSONValue, by operation: String = "DescribeRun", idMember: String = "runId", member: String = "run",
        _ shown: (JSONValue) -> String
    ) async throws -> JSONValue {
        let line = ProgressLine()
        defer { line.clear() }
        let interruption = Interruption(saying: "the server goes on with it. How far it is: weir jobs")
        defer { interruption.end() }
        var run = run
        while !["DONE", "FAILED", "CANCELLED"].contains(run.text(of: "status") ?? "FAILED") {
            line.show(shown(run))
            try await Task.sleep(for: Self.pause)
            guard let id = run[idMember] else { break }
            run = try await client.call(operation, .object([idMember: id]))[member] ?? .null
        }
        return run
    }
}
