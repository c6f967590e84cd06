import NIOCore
import WeirCore

/// A blob's body as it passes a rule's budget: counted, held back to the rule's bandwidth, and with its permit until it ends.
struct MeteredBody: AsyncSequence, Sendable {
    typealias Element = ByteBuffer
    typealias Failure = any Error

    let body: ByteStream
    let source: UpstreamSource
    let permit: PrioritySemaphore.Permit
    let budgets: Budgets
    let health: UpstreamHealth

    func makeAsyncIterator() -> Iterator { Iterator(whole: self, parts: Self.iterator(of: body)) }

    private static func iterator(of body: some AsyncSequence<ByteBuffer, any Error>) -> any AsyncIteratorProtocol<
        ByteBuffer, any Error
    > {
        body.makeAsyncIterator()
    }

    struct Iterator: AsyncIteratorProtocol {
        let whole: MeteredBody
        var parts: any AsyncIteratorProtocol<ByteBuffer, any Error>

        mutating func next() async throws -> ByteBuffer? { try await next(isolation: #isolation) }

        mutating func next(isolation actor: isolated (any Actor)?) async throws(any Error) -> ByteBuffer? {
            do {
                guard let part = try await parts.next(isolation: actor) else {
                    whole.permit.release()
                    return nil
                }
                whole.health.received(part.readableBytes, in: whole.source)
                let hold = whole.budgets.hold(after: part.readableBytes, for: whole.source)
                if hold > .zero { try await Task.sleep(for: hold) }
                return part
            } catch {
                whole.permit.release()
                if let error = error as? UpstreamError, error.blamesServer, !Task.isCancelled {
                    whole.health.broke(whole.source, error)
                }
                throw error
            }
        }
    }
}
