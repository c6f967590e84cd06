import Metrics
import NIOCore
import Synchronization

/// The connections that are open: how many there may be, who is told of the server's end, and when the last of them has gone.
package final class OpenConnections: Sendable {
    /// Told to every connection that must go at once, answered or not.
    package struct CloseNow: Sendable {
        package init() {}
    }

    /// Told to a connection whose place another one needs.
    package enum MakeRoom: Sendable {
        /// It goes, whatever it does: nobody on it has proved who they are.
        case now
        /// It goes where it is between two requests.
        case whereIdle
    }

    private struct State {
        /// Accepted and not closed yet.
        var room = ConnectionRoom()
        var accepted: [ObjectIdentifier: any Channel] = [:]
        /// Those of them that can be told something.
        var joined: Set<ObjectIdentifier> = []
        /// Requests whose client has gone and whose answer is still being worked out.
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

    /// Closes connections that can be spared, if there are any: of a flood of strangers first, then of callers who are idle, and
    /// newcomers only where there is nobody else.
    func makeRoom() {
        let (strangers, callers) = state.withLock { state in
            let batch = max(1, min(Self.batch, most / 16))
            var strangers = state.room.strangersToClose(batch, sparing: max(2, batch))
            let callers = strangers.isEmpty ? state.room.callersToAsk(batch) : []
            if strangers.isEmpty, callers.isEmpty { strangers = state.room.strangersToClose(batch) }
            return (Self.channels(strangers, state.accepted), Self.channels(callers, state.accepted))
        }
        for channel in strangers { close(channel) }
        for channel in callers { channel.pipeline.fireUserInboundEventTriggered(MakeRoom.whereIdle) }
    }

    /// The same, where somebody waits for it; false where nobody does.
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

    /// One closes since its client took too long over a body.
    func closedAsTooSlow() { tooSlow.increment() }

    /// Somebody on it has proved who they are.
    func proved(_ channel: any Channel) { state.withLock { $0.room.prove(ObjectIdentifier(channel)) } }

    /// From now on it is told of the server's end. False where that has come already.
    func join(_ channel: any Channel) -> Bool {
        state.withLock { state in
            // It may have been closed before it was there.
            if state.accepted[ObjectIdentifier(channel)] != nil { state.joined.insert(ObjectIdentifier(channel)) }
            return !state.isEnding
        }
    }

    /// A request's client has gone before its answer.
    func outlived() { state.withLock { $0.outliving += 1 } }

    /// The answer that nobody waits for is there.
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
