package import NIOCore
package import NIOHTTP1

/// The server's side of one HTTP/1.1 connection, as a pure machine: one method for each event, which returns what `Connection`
/// has to do. Time comes in with the event.
///
/// It decides what HTTP leaves open: which of a client's pipelined requests is answered next, what becomes of a body that is not
/// read (a refused upload may have ten gigabytes to come), which response is the connection's last, how a request that cannot be
/// parsed is answered, and when the connection closes.
package struct HTTP1ServerStateMachine {
    /// The request that is being answered.
    private enum Request: Equatable {
        /// Between two requests, or reading the rest of one that has been answered early.
        case none
        case running(body: Body)
    }

    private enum Body: Equatable { case arriving, ended, failed }

    /// The response to the latest request. It stays `.ended` until the next request begins.
    private enum Response: Equatable { case notBegun, begun, ended }

    /// A request of which more is to come from the client.
    private struct Incoming {
        /// `Content-Length`, or nil where the body is chunked.
        let declared: Int64?
        var received: Int64 = 0
        /// The client waits for `100 Continue`, and it has not been sent.
        var awaitsContinue: Bool
    }

    /// Bytes of a body that are read after its request was answered, so that the connection can be kept.
    package static let maxUnreadBody: Int64 = 1 << 20
    /// Bytes that a lingering connection discards before it closes: enough for a client that sends a manifest of 10 MB whole
    /// before it reads why it was refused.
    package static let maxLingering: Int64 = 32 << 20
    /// Parts of requests that a client may have sent ahead of their turn. More would keep the event loop from its other clients.
    package static let maxPipelinedParts = 2_000

    package private(set) var phase = Phase.open
    /// Why nothing more can come: the client has closed its side, or what it sent cannot be parsed.
    package private(set) var inputError: (any Error)?
    package private(set) var patience: ClientPatience

    private var incoming: Incoming?
    private var request = Request.none
    private var response = Response.notBegun
    /// The client sends no request after this one.
    private var isLastRequest = false
    /// What has been read of requests after the one that is being answered.
    private var pipelined: CircularBuffer<HTTPServerRequestPart> = []
    private var discarded: Int64 = 0
    private var hasWritten = false
    private var isDraining = false
    private var isAbandoned = false
    private var isReadPending = false
    private var isThrottled = false

    package init(_ timeouts: ConnectionTimeouts, at now: NIODeadline) { patience = ClientPatience(timeouts, at: now) }

    /// Responses may be written, and requests answered.
    package var isOpen: Bool { phase == .open || phase == .lastResponse }

    private var isLingering: Bool { phase == .lingering || phase == .flushing(.output) }

    // MARK: Requests

    package mutating func partRead(_ part: HTTPServerRequestPart, at now: NIODeadline) -> Action {
        patience.heard(at: now)
        switch part {
        case .head(let head):
            let declared = head.declaredLength
            if declared != 0 { patience.bodyBegins(declared: declared) }
            incoming = Incoming(declared: declared, awaitsContinue: head.awaitsContinue)
        case .body(let bytes):
            patience.bodyArrived(bytes.readableBytes, at: now)
            // Without a reader only the client is waited for.
            if request == .none { patience.bodyIsAwaited(at: now) }
            incoming?.received += Int64(bytes.readableBytes)
            incoming?.awaitsContinue = false
            if isLingering {
                discarded += Int64(bytes.readableBytes)
                if discarded > Self.maxLingering { return close(.both) }
            }
        case .end:
            patience.bodyEnded()
            incoming = nil
            if isLingering { return close(.both) }
        }
        guard isOpen, inputError == nil else { return .none }
        guard request == .running(body: .ended) else { return take(part) }
        pipelined.append(part)
        if pipelined.count >= Self.maxPipelinedParts { inputError = Connection.Gone() }
        return .none
    }

    private mutating func take(_ part: HTTPServerRequestPart) -> Action {
        switch part {
        case .head(let head):
            request = .running(body: .arriving)
            response = .notBegun
            // After CONNECT and Upgrade the decoder reads no further: the bytes belong to a protocol that this server does not
            // speak.
            isLastRequest = !head.isKeepAlive || head.method == .CONNECT || head.headers.contains(name: "upgrade")
            return .answer(head)
        case .body(let bytes): return request == .none ? .none : .appendBody(bytes)
        case .end:
            if request != .none { request = .running(body: .ended) }
            return .endBody
        }
    }

    /// What is to be done with the next of the pipelined parts; nil where none may be taken now. Called until it is nil.
    package mutating func nextPipelined() -> Action? {
        guard isOpen, request == .none || request == .running(body: .arriving) else { return nil }
        if let part = pipelined.popFirst() { return take(part) }
        return inputError == nil ? nil : inputHasEnded()
    }

    /// The reader of the body asks for its next part.
    ///
    /// - Parameter waits: it has not come yet.
    package mutating func bodyRequested(waits: Bool, at now: NIODeadline) {
        patience.heard(at: now)
        if waits { patience.bodyIsAwaited(at: now) }
    }

    /// The task that answered the request has ended.
    ///
    /// - Parameter canGoOn: false where it has not written a whole response.
    package mutating func requestEnded(canGoOn: Bool, at now: NIODeadline) -> Action {
        request = .none
        patience.heard(at: now)
        if incoming != nil { patience.bodyIsAwaited(at: now) }
        if isAbandoned { return .abandoned }
        guard isOpen else { return .none }
        if !canGoOn { return response == .notBegun ? endOfInput() : close(.both) }
        return isDraining ? closeAfterRequest() : .none
    }

    /// The client has proved who it is. False where it had before.
    package mutating func prove() -> Bool {
        defer { patience.prove() }
        return !patience.isProved
    }

    // MARK: Reading

    /// Whether to read from the socket now. A read that has to wait is asked for again by `mayResumeReading`.
    ///
    /// - Parameter bodyHasRoom: for more that its reader has not taken.
    package mutating func mayRead(bodyHasRoom: Bool) -> Bool {
        isReadPending = isThrottled || !pipelined.isEmpty || (request != .none && !bodyHasRoom)
        return !isReadPending
    }

    package mutating func mayResumeReading(bodyHasRoom: Bool) -> Bool {
        phase != .closed && isReadPending && mayRead(bodyHasRoom: bodyHasRoom)
    }

    /// - Parameter isThrottled: the client's share of the server is used up.
    package mutating func throttle(_ isThrottled: Bool) { self.isThrottled = isThrottled }

    // MARK: Responses

    /// Asked before every write. What is written after the connection began to close is lost.
    package mutating func mayWrite() -> Bool {
        guard isOpen else { return false }
        hasWritten = true
        return true
    }

    package mutating func continueWritten() { incoming?.awaitsContinue = false }

    /// The head of a final response is about to be written. True where it has to say `connection: close`.
    package mutating func responseBegins() -> Bool {
        response = .begun
        let isUnreadable = request != .running(body: .ended) && incoming.map { !Self.isWorthReading($0) } ?? false
        if isLastRequest || isUnreadable, isOpen { phase = .lastResponse }
        return phase == .lastResponse || isDraining
    }

    package mutating func responseEnded() -> Action {
        response = .ended
        return phase == .lastResponse ? closeAfterRequest() : .none
    }

    /// Reading the rest of a small body is cheaper than a new connection. A client that still waits for `100 Continue` may
    /// send its body or leave it: only a new connection is sure where the next request begins (RFC 9110, 10.1.1).
    private static func isWorthReading(_ incoming: Incoming) -> Bool {
        guard !incoming.awaitsContinue, let declared = incoming.declared else { return false }
        return declared - incoming.received <= Self.maxUnreadBody
    }

    // MARK: The end

    /// The client has closed its side. What it sent before is still answered.
    package mutating func inputClosed() -> Action {
        if inputError == nil { inputError = Connection.Gone() }
        return inputHasEnded()
    }

    /// An error came from the channel. Those after the first are of the same making: the decoder complains of every byte that
    /// follows.
    package mutating func inputFailed(_ error: any Error) -> Action {
        guard inputError == nil else { return .none }
        inputError = error
        return inputHasEnded()
    }

    private mutating func inputHasEnded() -> Action {
        switch request {
        case .none: return endOfInput()
        case .running(.arriving):
            request = .running(body: .failed)
            return .failBody
        case .running: return .none
        }
    }

    /// Nothing more can come, and no request is being answered. A request that could not be parsed is refused here, before any
    /// handler sees it.
    private mutating func endOfInput() -> Action {
        let mayRefuse = isOpen && response != .begun && (response == .notBegun || incoming == nil)
        guard mayRefuse, let inputError, let answer = BadRequestReply(about: inputError) else { return close(.both) }
        return .refuse(answer)
    }

    /// The client may still be sending: closed whole, its kernel would discard the refusal.
    package mutating func refusalWritten() -> Action { close(.output) }

    /// The server stops: no request is answered after the one that is.
    package mutating func drain() -> Action {
        isDraining = true
        return request == .none ? closeAfterRequest() : .none
    }

    /// Another connection needs the place of this one, if it is idle.
    package mutating func makeRoom() -> Action {
        request == .none && incoming == nil && phase == .open ? close(.both) : .none
    }

    private mutating func closeAfterRequest() -> Action { close(incoming == nil ? .both : .output) }

    /// Closes when all that was written has been sent; at once where that is so.
    package mutating func close(_ side: Side) -> Action {
        dropPipelined()
        switch phase {
        case .open, .lastResponse:
            phase = hasWritten ? .flushing(side) : .closed
            return hasWritten ? .flush : .close
        case .flushing: phase = .flushing(side)
        case .lingering:
            phase = .closed
            return .close
        case .closed: break
        }
        return .none
    }

    /// All that was written is with the kernel.
    package mutating func flushed() -> Action {
        switch phase {
        case .flushing(.both):
            phase = .closed
            return .close
        case .flushing(.output):
            phase = .lingering
            return .closeOutput
        case .open, .lastResponse, .lingering, .closed: return .none
        }
    }

    /// The connection closes at once, whatever is being written.
    package mutating func abort() {
        phase = .closed
        dropPipelined()
    }

    private mutating func dropPipelined() {
        // An empty buffer of its own would cost each connection an allocation.
        if !pipelined.isEmpty { pipelined = [] }
    }

    /// The connection has closed. True where a request of it is still being answered.
    package mutating func closed() -> Bool {
        abort()
        isAbandoned = request != .none
        return isAbandoned
    }

    /// - Parameters:
    ///   - isReaderWaiting: the reader of the body waits for the client.
    ///   - unsent: bytes that wait for the client. A client that still takes a response is `StalledReaderHandler`'s matter.
    package mutating func patienceVerdict(at now: NIODeadline, isReaderWaiting: Bool, unsent: Int) -> ClientPatience.Verdict {
        patience.verdict(at: now, isAwaited: (request == .none || isReaderWaiting) && unsent == 0)
    }
}
