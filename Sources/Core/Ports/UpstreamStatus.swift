/// What requests to an upstream on behalf of one rule have shown since the program started.
package struct UpstreamStatus: Sendable, Equatable {
    package enum Breaker: String, Sendable, CaseIterable {
        /// Requests are sent.
        case closed
        /// No requests are sent until `pausedUntil`.
        case open
        /// One probe request is on its way.
        case halfOpen = "half-open"
    }

    package struct Failure: Sendable, Equatable {
        package let at: Timestamp
        package let kind: UpstreamError.Kind
        /// Safe to show.
        package let message: String
        /// The HTTP status, if upstream answered.
        package let status: Int?

        package init(at: Timestamp, kind: UpstreamError.Kind, message: String, status: Int?) {
            self.at = at
            self.kind = kind
            self.message = message
            self.status = status
        }
    }

    /// The last values of `ratelimit-limit` and `ratelimit-remaining`.
    package struct Quota: Sendable, Equatable {
        package let limit: Int?
        package let remaining: Int
        /// The period that `limit` applies to.
        package let window: Duration?
        package let at: Timestamp

        package init(limit: Int?, remaining: Int, window: Duration?, at: Timestamp) {
            self.limit = limit
            self.remaining = remaining
            self.window = window
            self.at = at
        }
    }

    package let owner: String
    package let host: String
    package var breaker: Breaker = .closed
    /// No requests are sent until then: the circuit is open, or upstream answered 429.
    package var pausedUntil: Timestamp?
    package var lastSuccess: Timestamp?
    package var lastFailure: Failure?
    package var quota: Quota?
    /// Time to the head of an answer, smoothed over the last few.
    package var latency: Duration?
    package var requests: Int64 = 0
    package var failures: Int64 = 0
    package var bytesReceived: Int64 = 0

    package init(owner: String, host: String) {
        self.owner = owner
        self.host = host
    }
}
