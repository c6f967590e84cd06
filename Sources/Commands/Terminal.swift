import Dispatch
import Glibc

/// The terminal that a person looks at, if there is one.
enum Terminal {
    /// Columns of the terminal that standard output is; nil where it is none, such as a pipe, whose reader wants all of each
    /// line.
    static var width: Int? { width(of: STDOUT_FILENO) }

    static func width(of descriptor: CInt) -> Int? {
        guard isatty(descriptor) == 1 else { return nil }
        var size = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
        return Int(size.ws_col)
    }

    /// Whether what is written to standard error is seen by a person.
    static var isWatched: Bool { isatty(STDERR_FILENO) == 1 }

    /// Prints for people and programs: what was asked for.
    static func show(_ text: String) { write(text, to: STDOUT_FILENO) }

    /// Prints for people, beside what was asked for.
    static func tell(_ text: String) { write(text, to: STDERR_FILENO) }

    /// All of it, or as much as there is somebody to take.
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

/// A line on the terminal that is written over as the work goes on. Nothing where standard error is no terminal.
struct ProgressLine {
    private let isShown = Terminal.isWatched

    func show(_ text: String) {
        // A line that wraps could not be written over.
        if isShown { Terminal.tell("\r\u{1b}[2K\(text.prefix((Terminal.width(of: STDERR_FILENO) ?? 80) - 1))") }
    }

    func clear() {
        if isShown { Terminal.tell("\r\u{1b}[2K") }
    }
}

/// Ctrl-C while the server works for a command: it ends the command and not the work, and says so.
struct Interruption {
    /// As a shell tells of a program that SIGINT ended.
    private static let status: CInt = 130

    private let source: any DispatchSourceSignal

    /// - Parameter sentence: what is said before the command ends with 130.
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
