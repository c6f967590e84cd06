/// Takes finished lines for a file, a pipe or a webhook. `take` never waits and never fails: a line that cannot be kept is
/// dropped and counted (`weir_dropped_lines_total`).
package protocol LineSink: Sendable {
    /// - Parameter line: one JSON object without an end of line.
    func take(_ line: String)
}
