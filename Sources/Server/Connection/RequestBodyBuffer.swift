import NIOCore

/// The body of the request that is being answered, between the socket and its reader: a pure machine.
///
/// There is one reader. Its demand is the backpressure: while enough waits for it, nothing more is read from the client.
struct RequestBodyBuffer {
    typealias Reader = CheckedContinuation<ByteBuffer?, any Error>

    /// What waits for the reader at most before the client has to.
    enum Mark: Int {
        case ofCaller = 524_288
        /// Thousands of strangers' unread bodies must fit in memory.
        case ofStranger = 32_768
    }

    /// What a part costs beside its bytes: it retains the buffer that it was read into.
    private static let partCost = 1024

    private var parts: CircularBuffer<ByteBuffer> = []
    private var waiting = 0
    private var reader: Reader?
    private var failure: (any Error)?
    /// The request has been read to its end.
    private var hasEnded = false

    /// The reader waits for the client.
    var isAwaited: Bool { reader != nil }
    /// More may be read from the client.
    func wantsMore(_ mark: Mark) -> Bool { waiting < mark.rawValue }

    // MARK: The client's side

    mutating func append(_ part: ByteBuffer) {
        if let reader = reader.take() {
            reader.resume(returning: part)
        } else {
            parts.append(part)
            waiting += part.readableBytes + Self.partCost
        }
    }

    mutating func end() {
        hasEnded = true
        reader.take()?.resume(returning: nil)
    }

    /// What has come can still be read; then the reader gets the error.
    mutating func fail(_ error: any Error) {
        guard !hasEnded, failure == nil else { return }
        failure = error
        reader.take()?.resume(throwing: error)
    }

    // MARK: The reader's side

    /// Hands the next part to the reader, nil at the end, when it is there.
    mutating func read(_ reader: Reader) {
        if let part = parts.popFirst() {
            waiting -= part.readableBytes + Self.partCost
            reader.resume(returning: part)
        } else if let failure {
            reader.resume(throwing: failure)
        } else if hasEnded {
            reader.resume(returning: nil)
        } else {
            self.reader = reader
        }
    }

    /// The reader gives up, though it may be only about to wait.
    mutating func cancel() { fail(CancellationError()) }

    /// The request has been answered: what comes of it now is thrown away.
    mutating func forget() {
        parts.removeAll()
        waiting = 0
    }
}
