import struct Crypto.SymmetricKey
package import NIOCore
package import WeirCore

/// Opens the segments of one sealed blob, in any order (format: `SealedFormat`).
package struct SegmentOpener: Sendable {
    /// What is known about the blob.
    package enum Identity: Sendable {
        /// It is complete and must have this digest.
        case whole(Digest)
        /// It may be incomplete, so its binding is not checked.
        case unfinished
    }

    private let cipher: SegmentCipher
    private let version: SealedFormat.Version

    /// Opens a blob by its first `SealedFormat.headerSize` bytes. Throws `SealError` if they are not a header, or were sealed
    /// under another key or for another blob. Throws what `Keyring.unwrap` throws if the key may not be used now.
    package init(header: ByteBuffer, of identity: Identity, keyring: Keyring, key sealingKey: SealingKey) throws {
        let header = try SealedHeader(header)
        guard header.scope == sealingKey.scope else { throw SealError.badHeader("it was sealed under another key") }
        cipher = try SegmentCipher(keyring.unwrap(header.wrappedKey, under: sealingKey))
        version = header.version
        if case .whole(let digest) = identity, version == .bound {
            guard cipher.isBinding(header.binding, of: digest) else {
                throw SealError.badHeader("it was sealed as another blob")
            }
        }
    }

    /// For reading a blob that is still being sealed with this data key.
    package init(_ dataKey: DataKey) throws(SealError) {
        cipher = try SegmentCipher(dataKey.key)
        version = .current
    }

    /// Opens one segment, with its nonce and tag, and appends the plain bytes to `plain`.
    ///
    /// `isLast` comes from the blob's size (`SealedFormat.segmentCount`), so that the end of a file that was cut short does not
    /// open.
    package func open(
        _ sealed: UnsafeRawBufferPointer, segment: Int64, isLast: Bool, into plain: inout ByteBuffer
    ) throws(SealError) {
        let size = sealed.count - SealedFormat.segmentOverhead
        guard size >= 0, size == SealedFormat.segmentSize || (isLast && size < SealedFormat.segmentSize) else {
            throw .damaged
        }
        let nonce = SealedFormat.nonce(segment: segment)
        guard sealed.starts(with: nonce) else { throw .damaged }
        let body = UnsafeRawBufferPointer(rebasing: sealed[SealedFormat.nonceSize...])
        let additional = SealedFormat.authenticated(segment: segment, isLast: isLast, version)
        var isWhole = false
        plain.writeWithUnsafeMutableBytes(minimumWritableBytes: size) { room in
            guard let count = cipher.open(body, nonce: nonce, authenticating: additional, into: room) else { return 0 }
            isWhole = true
            return count
        }
        guard isWhole else { throw .damaged }
    }

    /// Opens a run of whole segments, the first of which is `first`, of a blob of `plainSize` bytes.
    package func open(
        run sealed: ByteBuffer, first: Int64, plainSize: Int64, into plain: inout ByteBuffer
    ) throws(SealError) {
        let last = SealedFormat.segmentCount(ofPlainSize: plainSize) - 1
        var failure: SealError?
        sealed.withUnsafeReadableBytes { bytes in
            do throws(SealError) {
                var rest = bytes[...]
                var segment = first
                while !rest.isEmpty {
                    let next = rest.prefix(SealedFormat.sealedSegmentSize)
                    try open(
                        UnsafeRawBufferPointer(rebasing: next), segment: segment, isLast: segment == last, into: &plain)
                    rest = rest.dropFirst(next.count)
                    segment += 1
                }
            } catch { failure = error }
        }
        if let failure { throw failure }
    }
}
