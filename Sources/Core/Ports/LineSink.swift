/// Takes finished lines for somebody outside: a file, a pipe, a webhook. Taking never waits and never fails its caller: what
/// cannot be
/// kept is dropped and counted (`weir_dropped_lines_total`).
package protocol LineSink: Sendable {
    /// - Parameter line: one JSON object without an end of line.
    func take(_ line: String)
}
