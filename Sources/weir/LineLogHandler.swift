import Logging
import WeirSettings

/// Writes each event of the log as one line, in the form that the settings say.
struct LineLogHandler: LogHandler {
    private let label: String
    private let format: Settings.LogFormat
    private let output: LogOutput
    var logLevel: Logger.Level = .info
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?

    init(label: String, format: Settings.LogFormat, output: LogOutput = .standardError) {
        self.label = label
        self.format = format
        self.output = output
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        output.put(format.line(event.level, label, event.message.description, LogFacts.of(event, metadata, metadataProvider)))
    }
}

extension Settings.LogFormat {
    /// With its end.
    func line(_ level: Logger.Level, _ label: String, _ message: String, _ facts: [LogFacts.Fact]) -> String {
        switch self {
        case .text: TextLogLine.line(level, label, message, facts)
        case .json: JSONLogLine.line(level, label, message, facts)
        }
    }
}
