/// Where one connection stands between requests read and responses written: a pure machine, one method for each event.
///
/// It decides what HTTP leaves open: what becomes of a request body that nobody will read (a refused upload
/// may have ten gigabytes to come), which response is the connection's last, and how a request that cannot be parsed is
/// answered.
struct ExchangeState: Equatable {
    /// A request of which more is to come.
    struct Incoming: Equatable {
        /// `Content-Length`, or nil where the body is chunked.
        var declared: Int64?
        var received: Int64 = 0
        /// The client waits for `100 Continue`, and it has not been sent.
        var awaitsContinue: Bool
    }

    enum Closing: Equatable {
        /// The connection stays. Leaves to `.afterResponse`.
        case no
        /// It closes when the response being written has ended. Leaves to `.lingering`, or the connection closes.
        case afterResponse
        /// The response has ended and our side is closed; what the client still sends is thrown away, so that its kernel does not
        /// throw away our response. Leaves when the request ends, when too much comes, or by the clock.
        case lingering(dropped: Int64)
    }

    enum ReadAction: Equatable { case forward, drop, close }
    enum HeadAction: Equatable { case asIs, sayClose }
    enum EndAction: Equatable { case nothing, close, linger }

    /// What is read of a body after its request was answered, before the connection is closed instead.
    static let maxUnreadBody: Int64 = 1 << 20
    /// What a closing connection throws away before it closes for good: enough for a client that sends a manifest of 10 MB whole
    /// before it reads why it was refused. The clock of two seconds bounds it too.
    static let maxLingering: Int64 = 32 << 20

    private(set) var incoming: Incoming?
    /// Requests whose response has not ended.
    private(set) var unanswered = 0
    private(set) var closing = Closing.no
    private(set) var isDraining = false

    mutating func headRead(declared: Int64?, awaitsContinue: Bool) -> ReadAction {
        guard !isLingering else { return .drop }
        incoming = Incoming(declared: declared, awaitsContinue: awaitsContinue)
        unanswered += 1
        return .forward
    }

    mutating func bodyRead(_ count: Int) -> ReadAction {
        incoming?.received += Int64(count)
        incoming?.awaitsContinue = false
        guard case .lingering(let dropped) = closing else { return .forward }
        guard dropped + Int64(count) <= Self.maxLingering else { return .close }
        closing = .lingering(dropped: dropped + Int64(count))
        return .drop
    }

    mutating func endRead() -> ReadAction {
        incoming = nil
        return isLingering ? .close : .forward
    }

    mutating func continueWritten() { incoming?.awaitsContinue = false }

    /// A final response's head is about to be written.
    ///
    /// - Parameter isLast: the client sends no request after the one that is answered.
    mutating func headWritten(isLast: Bool) -> HeadAction {
        let isUnreadable = closing == .no && unanswered == 1 && incoming.map { !isWorthReading($0) } ?? false
        if isLast || isUnreadable {
            closing = .afterResponse
            return .sayClose
        }
        return isDraining ? .sayClose : .asIs
    }

    mutating func endWritten() -> EndAction {
        unanswered -= 1
        guard closing == .afterResponse else { return .nothing }
        guard incoming != nil else { return .close }
        closing = .lingering(dropped: 0)
        return .linger
    }

    /// The server is stopping: tell clients not to send another request on this connection.
    mutating func drain() { isDraining = true }

    /// No request has been read in part, and none waits for its answer: what comes next may be answered on its own.
    var isBetweenRequests: Bool { unanswered == 0 && incoming == nil && closing == .no }

    var isLingering: Bool {
        if case .lingering = closing { true } else { false }
    }

    /// Reading the rest of a small body is cheaper than a new connection. A client that still waits for `100 Continue` may
    /// send its body or leave it: only a new connection is sure where the next request begins (RFC 9110, 10.1.1).
    private func isWorthReading(_ incoming: Incoming) -> Bool {
        guard !incoming.awaitsContinue, let declared = incoming.declared else { return false }
        return declared - incoming.received <= Self.maxUnreadBody
    }
}
