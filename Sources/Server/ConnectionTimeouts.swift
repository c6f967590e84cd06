package import NIOCore

/// How long one connection waits for its client. A caller, which has proved who it is, gets `idle`; a stranger, any other client,
/// the shorter times for strangers.
package struct ConnectionTimeouts: Sendable {
    /// A caller that sends nothing, between two requests or within one.
    package var idle: TimeAmount = .seconds(120)
    /// A stranger that sends nothing, or has not completed a request's head.
    package var strangersIdle: TimeAmount = .seconds(30)
    /// A stranger's body of any length. A longer one gets the time that it takes at `strangersRate`, if that is more.
    package var strangersBody: TimeAmount = .seconds(30)
    /// Bytes a second: the slowest line on which a stranger's long body succeeds.
    package var strangersRate: Int64 = 256 << 10
    /// Bytes: the longest body that a stranger is given time for, whatever it declares.
    package var strangersLongestBody: Int64 = 32 << 20
    /// Bytes a second that every body must come at, measured over `rateWindow`: below every line that an upload could succeed on.
    package var leastRate: Int64 = 256
    package var rateWindow: TimeAmount = .seconds(60)
    /// Between two checks of a stranger's connection.
    package var look: TimeAmount = .seconds(10)
    /// How long a connection whose own side is closed reads on. Closed at once, the client's kernel could discard the response
    /// before the client has read it.
    package var lingering: TimeAmount = .seconds(2)
    /// How long a closing connection waits for a client that takes nothing of what is still to be sent.
    package var unsent: TimeAmount = .seconds(30)

    package init() {}
}
