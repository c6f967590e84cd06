import struct Crypto.SHA256
import struct Crypto.SHA512
import NIOCore
import Synchronization
import WeirCore

/// A blob on its way from upstream to one reader, where there is no room to store it.
///
/// It is read in order, from its beginning, since the digest covers the whole. The last segment is held back until the digest is
/// right: a corrupt blob never completes, as with a blob that is stored.
actor UnstoredBlob: BlobBody {
    /// The bytes that are held back.
    private static let tail = 64 << 10

    nonisolated let size: Int64
    private let order: Fills.Order
    private let upstream: any UpstreamRegistry
    private var parts: any AsyncIteratorProtocol<ByteBuffer, any Error>
    private var hash: RunningDigest
    /// Bytes that have come and were not given out; the first of them is at `start`.
    private var held = ByteBuffer()
    private var start: Int64 = 0
    private var isWhole = false

    /// Asks upstream. Throws its refusal, and `storageFull` where neither upstream nor the manifest tells the blob's size.
    static func open(_ order: Fills.Order, from upstream: any UpstreamRegistry) async throws -> UnstoredBlob {
        let blob = try await upstream.blob(order.digest, range: .from(0), in: order.source)
        guard let size = blob.size ?? order.size else {
            throw Refusal(
                .storageFull,
                "The server has no room to store this, and its upstream does not tell how long it is. Free some, then try again")
        }
        return UnstoredBlob(order, size: size, blob, upstream)
    }

    private init(_ order: Fills.Order, size: Int64, _ blob: UpstreamBlob, _ upstream: any UpstreamRegistry) {
        self.order = order
        self.size = size
        self.upstream = upstream
        parts = Self.iterator(of: blob.body)
        hash = RunningDigest(order.digest.algorithm)
    }

    func read(at offset: Int64, upTo count: Int) async throws -> ByteBuffer {
        if offset >= size { return ByteBuffer() }
        if offset < start { try await again() }
        while true {
            forget(before: offset)
            let ready = isWhole ? held.readableBytes : held.readableBytes - Self.tail
            if ready > 0, start == offset, let bytes = held.readSlice(length: min(ready, count)) {
                start += Int64(bytes.readableBytes)
                return bytes
            }
            guard !isWhole else { return ByteBuffer() }
            try await fetch()
        }
    }

    /// A reader that asks for bytes which were given out already makes the transfer begin again.
    private func again() async throws {
        let blob = try await upstream.blob(order.digest, range: .from(0), in: order.source)
        parts = Self.iterator(of: blob.body)
        hash = RunningDigest(order.digest.algorithm)
        held = ByteBuffer()
        (start, isWhole) = (0, false)
    }

    private func forget(before offset: Int64) {
        let count = min(offset - start, Int64(held.readableBytes))
        guard count > 0 else { return }
        held.moveReaderIndex(forwardBy: Int(count))
        start += count
    }

    private func fetch() async throws {
        var iterator = parts
        let next = try await iterator.next(isolation: self)
        parts = iterator
        if let part = next {
            hash.update(part)
            held.discardReadBytes()
            held.writeImmutableBuffer(part)
            guard start + Int64(held.readableBytes) <= size else { throw wrong("more than the \(size) bytes it told") }
            return
        }
        guard start + Int64(held.readableBytes) == size else { throw wrong("fewer than the \(size) bytes it told") }
        guard hash.value == order.digest else { throw wrong("content with another digest") }
        isWhole = true
    }

    private func wrong(_ what: String) -> Refusal {
        Refusal(.upstreamInvalid, "The upstream registry \(order.source.host) sent \(what) for \(order.digest)")
    }

    private static func iterator(of body: some AsyncSequence<ByteBuffer, any Error>) -> any AsyncIteratorProtocol<
        ByteBuffer, any Error
    > {
        body.makeAsyncIterator()
    }
}

/// A running digest of either kind.
private struct RunningDigest {
    private var sha256: SHA256?
    private var sha512: SHA512?

    init(_ algorithm: Digest.Algorithm) {
        if algorithm == .sha256 { sha256 = SHA256() } else { sha512 = SHA512() }
    }

    mutating func update(_ bytes: ByteBuffer) {
        bytes.withUnsafeReadableBytes { pointer in
            sha256?.update(bufferPointer: pointer)
            sha512?.update(bufferPointer: pointer)
        }
    }

    var value: Digest {
        if let sha512 { return Digest(sha512.finalize()) }
        return Digest((sha256 ?? SHA256()).finalize())
    }
}

/// Reads a blob that is being stored. Goes on without storing where the room ends meanwhile, or the store does not take it.
final class RescuedBody: BlobBody {
    private let rescue: @Sendable () async throws -> any BlobBody
    private let body: Mutex<any BlobBody>

    init(_ body: any BlobBody, rescue: @escaping @Sendable () async throws -> any BlobBody) {
        self.body = Mutex(body)
        self.rescue = rescue
    }

    func read(at offset: Int64, upTo count: Int) async throws -> ByteBuffer {
        let now = body.withLock { $0 }
        do { return try await now.read(at: offset, upTo: count) } catch let refusal as Refusal
            where refusal.isOfTheStore
        {
            let other = try await rescue()
            body.withLock { $0 = other }
            return try await other.read(at: offset, upTo: count)
        }
    }
}

extension Refusal {
    /// The store has no room or takes nothing now: upstream may be well.
    var isOfTheStore: Bool { reason == .storageFull || reason == .storageUnavailable }
}
