import NIOCore

/// How a connection's work is charged to its client's throttle.
extension Connection {
    /// A part of a request's body has come. The part of a client that has proved who it is counts as a layer's, whatever the body
    /// is. Any other client is charged for it, and reading stops while the client's share is used up.
    func countBody(_ count: Int, _ context: ChannelHandlerContext, at now: NIODeadline) {
        guard !machine.patience.isProved else { return countLayer(count, at: now) }
        let connection = NIOLoopBound(self, eventLoop: context.eventLoop)
        let cost = TimeAmount.nanoseconds(Int64(count * ClientThrottle.Costs.strangersByte))
        let mayGoOn = throttle.mayBegin(costing: cost, at: now, on: context.eventLoop) {
            connection.eventLoop.execute { connection.value.unthrottle() }
        }
        machine.throttle(!mayGoOn)
    }

    /// Runs `answer` when the client's turn has come, and charges what it took.
    static func paced(_ connection: NIOLoopBound<Connection>, _ answer: () async -> Bool) async -> Bool {
        let throttle = connection.value.throttle
        guard let charged = await throttle.awaitTurn(on: connection.eventLoop) else { return await answer() }
        connection.value.executor.begin()
        let canGoOn = await answer()
        throttle.requestEnded(costing: connection.value.executor.end(), charged: charged)
        return canGoOn
    }

    private func unthrottle() {
        machine.throttle(false)
        if let context { resumeReading(context) }
    }

    /// Bytes of a layer have come or gone.
    func countLayer(_ count: Int) { countLayer(count, at: eventLoop.now) }

    private func countLayer(_ count: Int, at now: NIODeadline) {
        executor.forgive(count)
        // All connections record it under one lock: not for each part.
        if let layerRecorded, now - layerRecorded < .milliseconds(100) { return }
        layerRecorded = now
        throttle.served.record(throttle.client, at: now)
    }
}
