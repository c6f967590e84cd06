import HTTPTypes
import Logging
import NIOCore
import NIOHTTP1

/// One client's connection: it reads requests, has them answered one after the other, and writes the answers.
///
/// ```
///   socket ─▶ TLS ─▶ HTTP/1 codec ─▶ Connection ─▶ a task for each request ─▶ doors
///                                      ▲    ▲                                    │
///                                      │    └─ the body's next part, please ─────┤
///                                      └────── head, parts, end ─────────────────┘
/// ```
///
/// All of it, the tasks too, runs on the connection's own event loop: no hop between threads for a request, and what is sent is
/// still in the core's cache. What HTTP leaves open between a request and its answer, `ExchangeState` decides.
final class Connection: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = Never
    typealias OutboundOut = HTTPServerResponsePart

    /// Answers one request, by `beginAnswer`, `write`, `flush` and `endAnswer`. False where the connection cannot go on; what was
    /// written still goes out.
    typealias Answer = @Sendable (HTTPRequestHead, NIOLoopBound<Connection>) async -> Bool

    /// The client has gone.
    struct Gone: Error {}

    /// Parts of requests that a client may have sent ahead of their turn.
    private static let mostAhead = 2_000

    enum Patience {
        /// How long a closing connection reads on, so that the client sees our response before it sees the connection go.
        static let lingering = TimeAmount.seconds(2)
        /// How long a connection that closes waits for a client that takes nothing of what is still to be sent.
        static let unsent = TimeAmount.seconds(30)
    }

    private let lease: ExecutorLease
    var executor: MeteredExecutor { lease.executor }
    let throttle: ClientThrottle
    let open: OpenConnections
    let timeouts: ConnectionTimeouts
    private let logger: Logger
    private let logsUnreadable: @Sendable (String?) -> Bool
    private let answer: Answer

    private(set) var context: ChannelHandlerContext?
    private var state = ExchangeState()

    // The request that is being answered.
    /// Nil between two.
    var task: Task<Void, Never>?
    var body = IncomingBody()
    /// The client sends no request after it.
    private var isLast = false
    private var hasAnswerBegun = false
    /// The client has gone before the answer.
    private var isOutlived = false
    private var writer: CheckedContinuation<Void, any Error>?

    /// What the client has sent ahead: requests that come after the one that is being answered.
    var ahead: CircularBuffer<HTTPServerRequestPart> = []
    private var isReadHeld = false
    /// What the client sends is more than its share: the rest is read when its turn has come.
    var isResting = false
    /// When its throttle was last told that bytes of a layer flow.
    var layerNoted: NIODeadline?
    /// Why nothing more can come: the client has closed its side, or what it sent cannot be understood.
    private var inputEnd: (any Error)?

    /// Set from the moment that nothing more is to be written: what closes once the client has taken what is written.
    var closing: CloseMode?
    var isSent = false
    var hasWritten = false

    var patience: ClientPatience
    var patienceCheck: Scheduled<Void>?
    var endOfPatience: Scheduled<Void>?

    /// - Parameter limits: how long the client may leave us waiting.
    init(
        executors: ExecutorPool, throttle: ClientThrottle, open: OpenConnections, timeouts: ConnectionTimeouts, logger: Logger,
        logsUnreadable: @escaping @Sendable (String?) -> Bool,
        answer: @escaping Answer
    ) {
        lease = executors.lend()
        self.throttle = throttle
        self.open = open
        self.timeouts = timeouts
        patience = ClientPatience(timeouts, at: .now())
        self.logger = logger
        self.logsUnreadable = logsUnreadable
        self.answer = answer
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        checkPatience(context, in: min(timeouts.look, timeouts.idle, timeouts.strangersIdle))
        if !open.join(context.channel) { state.drain() }
    }

    func channelActive(context: ChannelHandlerContext) {
        if state.isDraining { context.close(promise: nil) }
        context.fireChannelActive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        patienceCheck?.cancel()
        endOfPatience?.cancel()
        self.context = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        closing = .all
        if task != nil {
            isOutlived = true
            open.outlived()
        }
        body.fail(Gone())
        writer.take()?.resume(throwing: Gone())
        context.fireChannelInactive()
    }

    /// Where the client is, for the log and the audit.
    var clientAddress: SocketAddress? { context?.remoteAddress }
    /// Without the port; made once, since every request is told of it.
    private(set) lazy var clientIPAddress = clientAddress?.ipAddress

    // MARK: Requests

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let now = NIODeadline.now()
        patience.heard(at: now)
        let part = unwrapInboundIn(data)
        let action: ExchangeState.ReadAction
        switch part {
        case .head(let head):
            let declared = head.declaredLength
            if declared != 0 { patience.bodyBegins(declared: declared) }
            action = state.headRead(declared: declared, awaitsContinue: head.awaitsContinue)
        case .body(let bytes):
            patience.bodyArrived(bytes.readableBytes, at: now)
            countBody(bytes.readableBytes, context, at: now)
            // Nobody reads it any more: its rest is all that is waited for.
            if task == nil { patience.bodyIsAwaited(at: now) }
            action = state.bodyRead(bytes.readableBytes)
        case .end:
            patience.bodyEnded()
            action = state.endRead()
        }
        switch action {
        case .close: closeWhenSent(context)
        case .drop: break
        // Nobody would hear the answer.
        case .forward where closing != nil || inputEnd != nil: break
        case .forward where task != nil && body.hasEnded: wait(part)
        case .forward: take(part, context)
        }
    }

    /// Keeps what the client has sent ahead. Nobody needs to send so much: the loop would answer nobody else for that long.
    private func wait(_ part: HTTPServerRequestPart) {
        ahead.append(part)
        if ahead.count >= Self.mostAhead { inputEnd = Gone() }
    }

    private func take(_ part: HTTPServerRequestPart, _ context: ChannelHandlerContext) {
        switch part {
        case .head(let head): beginRequest(head, context)
        case .body(let bytes): if task != nil { body.append(bytes) }
        case .end: body.end()
        }
    }

    private func beginRequest(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        body = IncomingBody()
        // After these two the codec reads no further: it leaves the rest to a protocol that nobody speaks here.
        isLast = !head.isKeepAlive || head.method == .CONNECT || head.headers.contains(name: "upgrade")
        hasAnswerBegun = false
        let connection = NIOLoopBound(self, eventLoop: context.eventLoop)
        let answer = answer
        task = Task(executorPreference: executor) {
            let canGoOn = await answer(head, connection)
            connection.value.endRequest(canGoOn: canGoOn)
        }
    }

    /// The request has been answered, or never will be.
    private func endRequest(canGoOn: Bool) {
        task = nil
        body.forget()
        let now = NIODeadline.now()
        patience.heard(at: now)
        if state.incoming != nil { patience.bodyIsAwaited(at: now) }
        if isOutlived { return open.finished() }
        guard let context else { return }
        guard closing == nil else { return readOn(context) }
        guard canGoOn else { return hasAnswerBegun ? closeWhenSent(context) : endInput(context) }
        if state.isDraining { return drain(context) }
        while task == nil || !body.hasEnded, let part = ahead.popFirst() { take(part, context) }
        if let inputEnd {
            if task == nil { endInput(context) } else { body.fail(inputEnd) }
        }
        readOn(context)
    }

    func read(context: ChannelHandlerContext) {
        if wantsMore { context.read() } else { isReadHeld = true }
    }

    func readOn(_ context: ChannelHandlerContext) {
        guard isReadHeld, wantsMore else { return }
        isReadHeld = false
        context.read()
    }

    /// While a request is answered: what its reader takes of its body, and after its end as much as tells that the client has
    /// gone.
    private var wantsMore: Bool {
        !isResting && ahead.isEmpty && (task == nil || body.wantsMore(patience.isProved ? .ofCaller : .ofStranger))
    }

    /// The next part of the body of the request that is being answered; nil at its end. Throws where the body broke off. From any
    /// thread.
    ///
    /// - Parameter asksForIt: the client holds its body back until it is asked.
    static func nextPart(
        of connection: NIOLoopBound<Connection>, asksForIt: Bool
    ) async throws -> ByteBuffer? {
        let eventLoop = connection.eventLoop
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { reader in
                if eventLoop.inEventLoop {
                    connection.value.readBody(reader, asksForIt)
                } else {
                    eventLoop.execute { connection.value.readBody(reader, asksForIt) }
                }
            }
        } onCancel: {
            eventLoop.execute { connection.value.body.cancel() }
        }
    }

    private func readBody(_ reader: IncomingBody.Reader, _ asksForIt: Bool) {
        let now = NIODeadline.now()
        patience.heard(at: now)
        body.read(reader)
        if body.isAwaited { patience.bodyIsAwaited(at: now) }
        // Not where the body came unasked (RFC 9110, 10.1.1).
        if asksForIt, body.isAwaited { sendContinue() }
        if let context { readOn(context) }
    }

    /// Somebody has proved on this connection who they are. From any thread.
    static func prove(_ connection: NIOLoopBound<Connection>) {
        if connection.eventLoop.inEventLoop {
            connection.value.prove()
        } else {
            connection.eventLoop.execute { connection.value.prove() }
        }
    }

    private func prove() {
        guard !patience.isProved, let context else { return }
        patience.prove()
        open.proved(context.channel)
        // Fails on a connection that has been closed only.
        try? context.channel.syncOptions?.setOption(.recvAllocator, value: ReadBuffers.ofCallers)
    }

    // MARK: Answers

    private func sendContinue() {
        state.continueWritten()
        // Whoever has gone hears nothing.
        try? write(.head(HTTPResponseHead(version: .http1_1, status: .continue)))
        flush()
    }

    /// The answer begins. Nothing goes out before `flush` or `endAnswer`.
    func beginAnswer(_ head: HTTPResponseHead) throws {
        var head = head
        if state.headWritten(isLast: isLast) == .sayClose { head.headers.add(name: "connection", value: "close") }
        try write(.head(head))
        hasAnswerBegun = true
    }

    func write(_ part: IOData, promise: EventLoopPromise<Void>? = nil) throws {
        try write(.body(part), promise: promise)
    }

    private func write(_ part: HTTPServerResponsePart, promise: EventLoopPromise<Void>? = nil) throws {
        guard let context, closing == nil else {
            promise?.fail(Gone())
            throw Gone()
        }
        hasWritten = true
        context.write(wrapOutboundOut(part), promise: promise)
    }

    func flush() { context?.flush() }

    /// The answer has been written whole.
    func endAnswer() throws {
        try write(.end(nil))
        flush()
        guard let context else { return }
        switch state.endWritten() {
        case .nothing: break
        case .close: closeWhenSent(context)
        case .linger: closeWhenSent(context, mode: .output)
        }
    }

    /// Returns when the client has taken most of what was written.
    func untilWritable() async throws {
        guard let context, closing == nil else { throw Gone() }
        if context.channel.isWritable { return }
        try await withCheckedThrowingContinuation { writer = $0 }
    }

    /// What may wait for the client before `untilWritable` waits too.
    func holdNoMore(than mark: Int) {
        let mark = ChannelOptions.Types.WriteBufferWaterMark(low: mark / 4, high: mark)
        // Fails on a connection that has been closed only: the next write says so.
        try? context?.channel.syncOptions?.setOption(.writeBufferWaterMark, value: mark)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { writer.take()?.resume() }
        context.fireChannelWritabilityChanged()
    }

    // MARK: The end

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ChannelShouldQuiesceEvent:
            state.drain()
            if task == nil { drain(context) }
        case is OpenConnections.CloseNow:
            // Under TLS requests still come while it closes.
            closing = .all
            ahead.removeAll()
            task?.cancel()
            context.close(promise: nil)
        case OpenConnections.MakeRoom.now: context.close(promise: nil)
        case OpenConnections.MakeRoom.whereIdle:
            if task == nil, state.isBetweenRequests { closeWhenSent(context) }
        case ChannelEvent.inputClosed:
            inputEnded(Gone(), context)
        default: break
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // What comes after the first is of the same making: the codec complains of every byte that follows.
        if inputEnd == nil { inputEnded(error, context) }
    }

    /// The server stops, and nobody is being answered. Whoever still sends what was answered already is given time to see the
    /// answer.
    private func drain(_ context: ChannelHandlerContext) {
        closeWhenSent(context, mode: state.incoming == nil ? .all : .output)
    }

    private func inputEnded(_ cause: any Error, _ context: ChannelHandlerContext) {
        if inputEnd == nil { inputEnd = cause }
        body.fail(cause)
        if task == nil { endInput(context) }
    }

    /// Nothing more can come, and nobody is being answered. What made no sense is refused here: no door will ever see it.
    private func endInput(_ context: ChannelHandlerContext) {
        guard closing == nil, let inputEnd, let complaint = Complaint(about: inputEnd), !hasAnswerBegun || state.isBetweenRequests
        else { return closeWhenSent(context) }
        tell(of: complaint, inputEnd, context)
        // It is not closing: it can be written to.
        try? write(.head(complaint.head))
        try? write(.byteBuffer(complaint.body))
        try? write(.end(nil))
        // It may still be sending: closed whole, its kernel would throw our answer away.
        closeWhenSent(context, mode: .output)
    }

    private func tell(of complaint: Complaint, _ cause: any Error, _ context: ChannelHandlerContext) {
        let address: Logger.MetadataValue = "\(context.remoteAddress?.hostAndPort ?? "unknown")"
        guard !complaint.isEveryday else {
            return logger.debug("A client spoke TLS to this plain port", metadata: ["client.address": address])
        }
        logger.log(
            level: logsUnreadable(clientAddress?.ipAddress) ? .info : .debug,
            "Request refused: it cannot be parsed",
            metadata: [
                "http.status": .stringConvertible(complaint.status.code), "error": "\(cause)", "client.address": address,
            ])
    }
}

@available(*, unavailable)
extension Connection: Sendable {}
