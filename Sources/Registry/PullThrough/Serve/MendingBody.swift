import NIOCore
import Synchronization
import WeirCore

/// Reads stored content, and goes on with other content where it is not had.
final class MendingBody: BlobBody {
    private enum Source {
        case stored(OpenContent)
        case mended(any BlobBody)
    }

    private let mend: @Sendable (BlobFault) async throws -> any BlobBody
    private let source: Mutex<Source>

    init(_ content: OpenContent, mend: @escaping @Sendable (BlobFault) async throws -> any BlobBody) {
        source = Mutex(.stored(content))
        self.mend = mend
        content.join()
    }

    deinit {
        if case .stored(let content) = source.withLock({ $0 }) { content.leave() }
    }

    func read(at offset: Int64, upTo count: Int) async throws -> ByteBuffer {
        switch source.withLock({ $0 }) {
        case .mended(let other): return try await other.read(at: offset, upTo: count)
        case .stored(let content):
            do {
                return try await content.read(at: offset, upTo: count)
            } catch {
                guard let fault = BlobFault(error), !Task.isCancelled else {
                    throw (error as? BlobStoreError).map { Refusal($0) } ?? error
                }
                // Once: content that came anew and is damaged too is not fetched for ever.
                let other = try await mend(fault)
                source.withLock { $0 = .mended(other) }
                content.leave()
                return try await other.read(at: offset, upTo: count)
            }
        }
    }
}
