import Logging
import WeirCore

/// Whose request a log line is about, and what it asked for: for lines that tell of refusals. Bounded, and without the query,
/// which may hold a signature.
enum RequestFacts {
    /// Longer paths name nothing that is here.
    private static let longestPath = 512
    private static let longestAgent = 200

    /// - Parameters:
    ///   - path: as sent, before the `?`.
    ///   - userAgent: as the client says it, if it does.
    static func whose(_ method: String, _ path: String, userAgent: String?) -> Logger.Metadata {
        var facts: Logger.Metadata = [
            "client.address": "\(RequestOrigin.current.peer ?? "unknown")", "http.method": "\(cut(method, 32))",
            "http.path": "\(cut(path, longestPath))",
        ]
        if let userAgent, !userAgent.isEmpty { facts["user_agent.original"] = "\(cut(userAgent, longestAgent))" }
        return facts
    }

    private static func cut(_ text: String, _ length: Int) -> String {
        text.utf8.count <= length ? text : String(decoding: text.utf8.prefix(length), as: UTF8.self)
    }
}

extension Logger.MetadataValue {
    /// A refusal's fact: those that are numbers as a number, so that a log's reader may reckon with them.
    static func fact(_ name: String, _ value: String) -> Self {
        switch name {
        case "upstream.status", "upload.last_byte": Int64(value).map { .stringConvertible($0) } ?? .string(value)
        default: .string(value)
        }
    }
}
