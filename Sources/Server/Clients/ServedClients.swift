package import NIOCore
import Synchronization

/// The clients that have been sent, or have sent, a part of a layer within the last second. While there is one, the other
/// clients' work beside layers is paced.
package final class ServedClients: Sendable {
    private static let memory = TimeAmount.seconds(1)

    private struct Moment {
        var client: ClientGroup
        var at: NIODeadline
    }

    /// The last two, of different clients: one of them is another client than any that asks.
    private struct State {
        var last: Moment?
        var before: Moment?
    }

    private let state = Mutex(State())

    package init() {}

    package func record(_ client: ClientGroup, at now: NIODeadline) {
        state.withLock { state in
            if state.last?.client != client { state.before = state.last }
            state.last = Moment(client: client, at: now)
        }
    }

    package func isAnotherServed(than client: ClientGroup, at now: NIODeadline) -> Bool {
        state.withLock { state in
            guard let other = state.last?.client == client ? state.before : state.last else { return false }
            return now - other.at < Self.memory
        }
    }
}
