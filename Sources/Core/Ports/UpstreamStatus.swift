/// How it has gone with an upstream, asked in one rule's name, since the program started.
package struct UpstreamStatus: Sendable, Equatable {
    package enum Breaker: String, Sendable, CaseIterable {
        /// It is asked.
        case closed
        /// It is not asked until `pausedUntil`.
        case open
        /// One question is on its way to find out.
        case halfOpen = "half-open"
    }

    package struct Failure: Sendable, Equatable {
        package let at: Timestamp
        package let kind: UpstreamError.Kind
        /// Safe to show.
        package let message: String
        /// HTTP's, where upstream answered.
        package let status: Int?

        package init(at: Timestamp, kind: UpstreamError.Kind, message: String, status: Int?) {
            self.at = at
            self.kind = kind
            self.message = message
            self.status = status
        }
    }

    /// What `ratelimit-limit` and `ratelimit-remaining` said last.
    package struct Quota: Sendable, Equatable {
        package let limit: Int?
        package let remaining: Int
        /// The time in which `limit` counts.
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
    /// Nothing is asked until then: the circuit is open, or upstream answered 429.
    package var pausedUntil: Timestamp?
    package var lastSuccess: Timestamp?
    package var lastFailure: Failure?
    package var quota: Quota?
    /// To the head of an answer, smoothed over the last few.
    package var latency: Duration?
    package var requests: Int64 = 0
    package var failures: Int64 = 0
    package var bytesReceived: Int64 = 0

    package init(owner: String, host: String) {
        self.owner = owner
        self.host = host
    }
}
