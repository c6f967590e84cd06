import HTTPTypes
import NIOCore
import WeirCore
package import WeirServer

/// The operator's door: health, version and metrics.
package struct OperatorDoor: Sendable {
    private let metrics: PrometheusRegistry
    private let access: MetricsAccess
    private let version: String
    private let isReady: @Sendable () -> Bool

    /// - Parameters:
    /// - version: the answer of `/version`, for clients that may read the metrics.
    /// - isReady: false while the server starts, and again when it stops.
    package init(
        metrics: PrometheusRegistry, access: MetricsAccess = .thisMachine, version: String = WeirVersion.number,
        isReady: @escaping @Sendable () -> Bool
    ) {
        self.metrics = metrics
        self.access = access
        self.version = version
        self.isReady = isReady
    }

    /// Nil where the path is not this door's.
    package func answer(_ request: WebRequest) -> Reply? {
        let label: RouteLabel
        switch request.rawPath {
        case "/healthz": label = RouteLabel(.operator, .healthz)
        case "/metrics", "/version": label = RouteLabel(.operator, .metrics)
        default: return nil
        }
        guard request.method == .get || request.method == .head else {
            var reply = Reply.text(.methodNotAllowed, "Only GET and HEAD are answered here.", label: label)
            reply.headers[.allow] = "GET, HEAD"
            return reply
        }
        if request.rawPath == "/healthz" {
            return isReady()
                ? .text(.ok, "ok", label: label) : .text(.serviceUnavailable, "starting or stopping", label: label)
        }
        if let refusal = access.refusal(request, label: label) { return refusal }
        if request.rawPath == "/version" { return .text(.ok, "weir \(version)", label: label) }
        var text = metrics.text()
        ProcessMetrics.print(into: &text)
        return Reply(
            .ok, [.contentType: PrometheusText.contentType], .bytes(ByteBuffer(string: text)), label: label)
    }
}
