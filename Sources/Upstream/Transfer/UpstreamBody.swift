import AsyncHTTPClient
import NIOCore
import WeirCore

/// A blob's bytes as they come off the wire, uncopied.
///
/// It ends only where it should: a body that breaks off, falls silent, or is longer or shorter than announced throws
/// `UpstreamError`. So half a blob is never taken for a whole one.
struct UpstreamBody: AsyncSequence, Sendable {
    typealias Element = ByteBuffer
    typealias Failure = any Error

    let body: HTTPClientResponse.Body
    /// Bytes announced for this answer.
    let expected: Int64?
    let url: OutboundURL
    let upstream: Upstream
    let timeouts: UpstreamSettings.Timeouts

    func makeAsyncIterator() -> Iterator { Iterator(whole: self, parts: body.makeAsyncIterator()) }

    struct Iterator: AsyncIteratorProtocol {
        let whole: UpstreamBody
        var parts: HTTPClientResponse.Body.AsyncIterator
        var received: Int64 = 0

        mutating func next() async throws -> ByteBuffer? { try await next(isolation: #isolation) }

        mutating func next(isolation actor: isolated (any Actor)?) async throws(any Error) -> ByteBuffer? {
            let part: ByteBuffer?
            do { part = try await parts.next(isolation: actor) } catch {
                throw Fault(error, timeouts: whole.timeouts).error(at: whole.url, for: whole.upstream)
            }
            received.add(Int64(part?.readableBytes ?? 0))
            guard let expected = whole.expected else { return part }
            if received > expected {
                throw whole.upstream.error(.invalid, "it sent more than the \(expected) bytes that it announced")
            }
            if part == nil, received < expected {
                throw whole.upstream.error(
                    .unavailable, "it broke off after \(received) of the \(expected) bytes that it announced")
            }
            return part
        }
    }
}
