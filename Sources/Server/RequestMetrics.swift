import HTTPTypes
import Metrics
import Synchronization

/// Counts requests by door, route, method and status; their time; their bytes out.
final class RequestMetrics: Sendable {
    private struct Key: Hashable {
        let label: RouteLabel
        let method: String
        let status: Int
    }

    private struct Series: Sendable {
        let requests: Counter
        let seconds: Metrics.Timer
        let bytes: Counter
    }

    private let factory: any MetricsFactory
    /// The handles made so far: looking one up by labels costs more than the rest of the counting.
    private let series = Mutex<[Key: Series]>([:])

    init(_ factory: any MetricsFactory) { self.factory = factory }

    func count(_ label: RouteLabel, method: HTTPRequest.Method, status: Int, bytes: Int64, took: Duration) {
        let key = Key(label: label, method: Self.name(method), status: status)
        let series = series.withLock { known in
            if let series = known[key] { return series }
            let new = make(key)
            known[key] = new
            return new
        }
        series.requests.increment()
        series.seconds.recordNanoseconds(took.components.seconds * 1_000_000_000 + took.components.attoseconds / 1_000_000_000)
        if bytes > 0 { series.bytes.increment(by: bytes) }
    }

    private func make(_ key: Key) -> Series {
        let route = [("door", key.label.door), ("route", key.label.route), ("method", key.method)]
        return Series(
            requests: Counter(
                label: "weir_http_requests_total", dimensions: route + [("status", "\(key.status)")], factory: factory),
            seconds: Timer(label: "weir_http_request_seconds", dimensions: route, factory: factory),
            bytes: Counter(label: "weir_http_response_bytes_total", dimensions: route, factory: factory))
    }

    /// Methods are the client's text: only the known ones become labels.
    private static func name(_ method: HTTPRequest.Method) -> String {
        switch method {
        case .get, .head, .post, .put, .patch, .delete, .options: method.rawValue
        default: "other"
        }
    }
}
