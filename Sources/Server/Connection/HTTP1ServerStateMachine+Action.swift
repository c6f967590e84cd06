package import NIOCore
package import NIOHTTP1

extension HTTP1ServerStateMachine {
    package enum Action: Equatable {
        case none
        /// Start the task that answers this request, with a new body.
        case answer(HTTPRequestHead)
        /// The next part of the body of the request that is being answered.
        case appendBody(ByteBuffer)
        case endBody
        /// The body breaks off: its reader gets `inputError`.
        case failBody
        /// Write this response to a request that could not be parsed; then call `refusalWritten`.
        case refuse(BadRequestReply)
        /// Write out what is still in the channel; then call `flushed`. A client that takes nothing of it for `unsent` is not
        /// waited for.
        case flush
        /// Close our side, and the whole connection after `lingering`.
        case closeOutput
        case close
        /// The request's client went before its response: nothing is left to do on this connection.
        case abandoned
    }

    /// What of the connection closes when all that was written has been sent.
    package enum Side: Equatable {
        case both
        /// Our side. What the client still sends is discarded until its request ends, or until `maxLingering`: a kernel that
        /// receives bytes for a closed socket resets the connection, and the client loses a response that it has not read.
        case output
    }

    /// ```
    ///   open ─▶ lastResponse ─▶ flushing ─▶ lingering ─▶ closed
    /// ```
    package enum Phase: Equatable {
        /// Leaves to `.lastResponse`, `.flushing` and `.closed`.
        case open
        /// The response that is being written says `connection: close`. Leaves to `.flushing` when it ends, or to `.closed`.
        case lastResponse
        /// Nothing more is written. Leaves to `.lingering` (side `.output`) or `.closed` when all is sent, to `.closed` by the
        /// clock.
        case flushing(Side)
        /// Our side is closed. Leaves to `.closed` when the client's request ends, when too much comes, or by the clock.
        case lingering
        /// Closed, or about to be, by either side.
        case closed
    }
}
