import Metrics
import NIOCore
import Synchronization

/// The open connections: bounds their number, closes those that can be spared, tells them of the server's end and waits for the
/// last one.
package final class OpenConnections: Sendable {
    /// The event for every connection that must close at once, whatever it does.
    package struct CloseNow: Sendable {
        package init() {}
    }

    /// The event for a connection whose place another one needs.
    package enum MakeRoom: Sendable {
        /// A stranger's: it closes at once.
        case now
        /// A caller's: it closes if it is between two requests.
        case whereIdle
    }

    private struct State {
        /// Accepted and not closed yet.
        var room = ConnectionRoom()
        var accepted: [ObjectIdentifier: any Channel] = [:]
        /// Those whose pipeline is complete: they take events.
        var joined: Set<ObjectIdentifier> = []
        /// Requests that are still being answered although their client has gone.
        var outliving = 0
        var isEnding = false
        /// Lets the server accept again; set while it holds back.
        var accept: (@Sendable () -> Void)?
        var waiting: [CheckedContinuation<Void, Never>] = []

        var isEmpty: Bool { room.count == 0 && outliving == 0 }
    }

    /// Connections that make room at once, so that a flood is not answered one by one.
    private static let batch = 64

    private let state = Mutex(State())
    private let most: Int
    /// Of one client; nil for as many as there is room for.
    private let mostOfOne: Int?
    private let closed = Counter(label: "weir_closed_connections_total", dimensions: [("reason", "room")])

    private let tooSlow = Counter(label: "weir_closed_connections_total", dimensions: [("reason", "slow")])

    package init(most: Int, ofOneClient: Int? = nil) {
        self.most = most
        mostOfOne = ofOneClient
    }

    /// How many there are now.
    var count: Int { state.withLock { $0.room.count } }

    // MARK: Coming and going

    /// True where another may be accepted now. Where not, connections that can be spared are closed, and `accept` is called once,
    /// when one has gone.
    func hasRoom(_ accept: @escaping @Sendable () -> Void) -> Bool {
        let isFull = state.withLock { state in
            if state.room.count >= most { state.accept = accept }
            return state.room.count >= most
        }
        if isFull { makeRoom() }
        return !isFull
    }

    /// Closes connections that can be spared: strangers of the client that has most of them first, then idle callers, then
    /// strangers that have only just come.
    func makeRoom() {
        let (strangers, callers) = state.withLock { state in
            let usual = max(1, min(Self.batch, most / 16))
            // Sixteen are accepted at once, so that there may be more connections than places: all of those too many go.
            let batch = max(usual, state.room.count - most + 1)
            var strangers = state.room.strangersToClose(batch, sparing: max(2, usual))
            let callers = strangers.isEmpty ? state.room.callersToAsk(batch) : []
            if strangers.isEmpty, callers.isEmpty { strangers = state.room.strangersToClose(batch) }
            return (Self.channels(strangers, state.accepted), Self.channels(callers, state.accepted))
        }
        for channel in strangers { close(channel) }
        for channel in callers { channel.pipeline.fireUserInboundEventTriggered(MakeRoom.whereIdle) }
    }

    /// The same, if the listener waits for a place; false if it does not.
    func makeRoomWhereAwaited() -> Bool {
        guard state.withLock({ $0.accept != nil }) else { return false }
        makeRoom()
        return true
    }

    private static func channels(
        _ ids: [ObjectIdentifier], _ accepted: [ObjectIdentifier: any Channel]
    ) -> [any Channel] {
        ids.compactMap { accepted[$0] }
    }

    private func close(_ channel: any Channel) {
        closed.increment()
        let isJoined = state.withLock { $0.joined.contains(ObjectIdentifier(channel)) }
        if isJoined { channel.pipeline.fireUserInboundEventTriggered(MakeRoom.now) } else { channel.close(promise: nil) }
    }

    /// Accepted and not closed since.
    func isOpen(_ channel: any Channel) -> Bool { state.withLock { $0.accepted[ObjectIdentifier(channel)] != nil } }

    func accepted(_ channel: any Channel) {
        let id = ObjectIdentifier(channel)
        let client = ClientGroup(channel.remoteAddress)
        let tooMany = state.withLock { state in
            state.room.add(id, of: client)
            state.accepted[id] = channel
            guard let mostOfOne, state.room.count(of: client) > mostOfOne else { return [any Channel]() }
            return Self.channels(state.room.strangersToClose(1, of: client), state.accepted)
        }
        channel.closeFuture.whenComplete { _ in
            self.leave { state in
                state.room.remove(id)
                state.accepted[id] = nil
                state.joined.remove(id)
            }
        }
        for channel in tooMany { close(channel) }
    }

    /// Counts a connection that closes because a body came too slowly.
    func closedAsTooSlow() { tooSlow.increment() }

    /// The client of this connection has proved who it is.
    func proved(_ channel: any Channel) { state.withLock { $0.room.prove(ObjectIdentifier(channel)) } }

    /// From now on the connection gets the events. False if the server is stopping already.
    func join(_ channel: any Channel) -> Bool {
        state.withLock { state in
            // It may have been closed before it was there.
            if state.accepted[ObjectIdentifier(channel)] != nil { state.joined.insert(ObjectIdentifier(channel)) }
            return !state.isEnding
        }
    }

    /// A request's client has gone before its response.
    func outlived() { state.withLock { $0.outliving += 1 } }

    /// Such a request has been answered.
    func finished() { leave { $0.outliving -= 1 } }

    private func leave(_ change: (inout sending State) -> Void) {
        let (accept, waiting) = state.withLock { state in
            change(&state)
            let accept = state.room.count < most ? state.accept.take() : nil
            guard state.isEmpty else { return (accept, [CheckedContinuation<Void, Never>]()) }
            defer { state.waiting = [] }
            return (accept, state.waiting)
        }
        accept?()
        for continuation in waiting { continuation.resume() }
    }

    // MARK: The end

    /// Asks every connection to close when it has answered what it was asked.
    func drain() { tell(ChannelShouldQuiesceEvent()) }

    /// Closes every connection.
    func closeNow() { tell(CloseNow()) }

    private func tell(_ event: some Sendable) {
        let channels = state.withLock { state in
            state.isEnding = true
            return Self.channels(Array(state.joined), state.accepted)
        }
        for channel in channels { channel.pipeline.fireUserInboundEventTriggered(event) }
    }

    /// Returns when none is open and no request is being worked on.
    func untilNone() async {
        await withCheckedContinuation { continuation in
            let isEmpty = state.withLock { state in
                if !state.isEmpty { state.waiting.append(continuation) }
                return state.isEmpty
            }
            if isEmpty { continuation.resume() }
        }
    }
}
