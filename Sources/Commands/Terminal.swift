import Dispatch
import Glibc

/// The operator's terminal, if there is one.
enum Terminal {
    /// The columns of standard output's terminal; nil if it is not a terminal, such as a pipe, whose reader wants whole lines.
    static var width: Int? { width(of: STDOUT_FILENO) }

    static func width(of descriptor: CInt) -> Int? {
        guard isatty(descriptor) == 1 else { return nil }
        var size = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
        return Int(size.ws_col)
    }

    /// True if standard error is a terminal.
    static var isWatched: Bool { isatty(STDERR_FILENO) == 1 }

    /// Prints a command's result, for people and programs.
    static func show(_ text: String) { write(text, to: STDOUT_FILENO) }

    /// Prints side notes, for people.
    static func tell(_ text: String) { write(text, to: STDERR_FILENO) }

    /// Writes everything, or until the reader is gone.
    private static func write(_ text: String, to descriptor: CInt) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR || errno == EAGAIN { continue }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }
}

/// A line on the terminal that is overwritten as work goes on. Prints nothing if standard error is not a terminal.
struct ProgressLine {
    private let isShown = Terminal.isWatched

    func show(_ text: String) {
        // A wrapped line could not be overwritten.
        if isShown { Terminal.tell("\r\u{1b}[2K\(text.prefix((Terminal.width(of: STDERR_FILENO) ?? 80) - 1))") }
    }

    func clear() {
        if isShown { Terminal.tell("\r\u{1b}[2K") }
    }
}

/// Handles Ctrl-C while the server works for a command: ends the command, not the work, and says so.
struct Interruption {
    /// The status that shells report for a program that SIGINT ended.
    private static let status: CInt = 130

    private let source: any DispatchSourceSignal

    /// - Parameter sentence: printed before the command exits with 130.
    init(saying sentence: String) {
        signal(SIGINT, SIG_IGN)
        source = DispatchSource.makeSignalSource(signal: SIGINT, queue: .global())
        source.setEventHandler {
            ProgressLine().clear()
            Terminal.tell("\nweir: \(sentence)\n")
            exit(Self.status)
        }
        source.resume()
    }

    func end() {
        source.cancel()
        signal(SIGINT, SIG_DFL)
    }
}
