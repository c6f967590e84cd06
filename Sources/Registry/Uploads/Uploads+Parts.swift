package import NIOCore
package import WeirCore

/// ECR's layer API: uploads by parts that are numbered by their bytes (docs/ecr.md, "Layers by parts").
extension Uploads {
    /// The part size that clients are told to use: 10 MiB, as ECR does.
    package static let partSize: Int64 = 10 * 1_048_576
    /// ECR's quota "Minimum layer part size". Only the last part may be smaller.
    private static let minPart: Int64 = 5 * 1_048_576
    /// ECR's quota "Layer parts".
    private static let maxParts: Int64 = 4_200

    /// Takes a part, `first` to `last` inclusive. Returns the offset of the last byte received. On disk when this returns.
    package func appendPart(
        _ bytes: ByteBuffer, first: Int64, last: Int64, to id: String, in name: RepositoryName, of registry: RegistryID
    ) async throws -> Int64 {
        try checkRoom(for: Int64(bytes.readableBytes))
        return try await withSession(id, in: name, of: registry, at: first) { session in
            guard first >= 0, last.subtracting(first).adding(1) == Int64(bytes.readableBytes), last >= first else {
                throw session.outOfOrder(
                    "The part from byte \(first) to byte \(last) holds \(bytes.readableBytes) bytes", received: first)
            }
            var parts = session.record.parts
            guard parts.count < Self.maxParts else {
                throw Refusal(.limitExceeded, "A layer may have \(Self.maxParts) parts at most")
            }
            if parts.count > 0, parts.last < Self.minPart { parts.short.add(1) }
            parts.count.add(1)
            parts.last = Int64(bytes.readableBytes)
            let live = try await self.awake(session)
            try await self.take(OnePart(bytes), into: session, live)
            try await self.checkpoint(session, live, parts)
            return last
        }
    }

    /// Compares the digests, all of which must be the layer's, and commits. Returns the first. On disk when this returns.
    package func complete(
        _ id: String, in name: RepositoryName, of registry: RegistryID, digests: [Digest]
    ) async throws -> Digest {
        try await withSession(id, in: name, of: registry, at: nil) { session in
            guard session.status.received > 0 else {
                throw Refusal(.emptyUpload, "The upload '\(id)' does not contain any layer parts")
            }
            guard session.record.parts.short == 0 else {
                throw Refusal(
                    .layerPartTooSmall,
                    "Layer parts must have \(Self.minPart) bytes at least, but for the last one. Begin the upload again")
            }
            guard let first = digests.first else { throw Refusal(.digestInvalid, "No digest was given") }
            let live = try await self.awake(session)
            _ = try await self.commit(session, live, digests, whereAlreadyHere: .refused)
            return first
        }
    }
}

/// Bytes in memory, as a stream.
private struct OnePart: AsyncSequence, Sendable {
    let bytes: ByteBuffer

    init(_ bytes: ByteBuffer) { self.bytes = bytes }

    struct AsyncIterator: AsyncIteratorProtocol {
        var rest: ByteBuffer?

        mutating func next() async throws -> ByteBuffer? {
            defer { rest = nil }
            return rest
        }
    }

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(rest: bytes) }
}
