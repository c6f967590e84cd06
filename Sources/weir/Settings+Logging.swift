import CPlatform
import Glibc
import Logging
import WeirCore
import WeirSettings

extension Settings {
    /// Text on a terminal, JSON lines elsewhere, unless the settings say which.
    func bootstrapLogging() {
        let level = logLevel
        let format = logFormat ?? (isatty(STDERR_FILENO) == 1 ? .text : .json)
        weir_tell_of_death_in_json(format == .json ? 1 : 0)
        // What services log on behalf of a request carries its trace too.
        let trace = Logger.MetadataProvider {
            TraceContext.current.map { ["trace.id": "\($0.traceID)", "span.id": "\($0.spanID)"] } ?? [:]
        }
        LogOutput.standardError.tellOfGaps { count in
            let message = "Log lines are missing here: nobody took them in time"
            return format.line(.warning, "weir", message, [("log.dropped", .stringConvertible(count))])
        }
        LoggingSystem.bootstrap { label in
            var handler = LineLogHandler(label: label, format: format)
            handler.logLevel = level
            handler.metadataProvider = trace
            return handler
        }
    }
}
