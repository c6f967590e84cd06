// BoringSSL's own calls, as swift-crypto brings them. `AES.GCM` allocates its result and copies it twice for each segment; at 64
// KiB that is as much work as the cipher's, and a warm pull is nothing but this. These calls write straight into the buffer that
// is sent. They are no product of swift-crypto: a new major version may name them otherwise, and then the compiler says so here
// and nowhere else.
import CCryptoBoringSSL
import struct Crypto.SymmetricKey
import WeirCore

/// AES-256-GCM for the segments of blobs, from one buffer into another, with one key.
///
/// Safe to share: the context is written once, when it is made, and BoringSSL reads it only.
final class SegmentCipher: @unchecked Sendable {
    private let context: UnsafeMutablePointer<EVP_AEAD_CTX>

    /// - Parameter key: 256 bits.
    init(_ key: SymmetricKey) throws(SealError) {
        let made = key.withUnsafeBytes { bytes in
            CCryptoBoringSSL_EVP_AEAD_CTX_new(
                CCryptoBoringSSL_EVP_aead_aes_256_gcm(), bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count, 0)
        }
        guard let made else { throw .misused("a data key of \(key.bitCount) bits") }
        context = made
    }

    deinit { CCryptoBoringSSL_EVP_AEAD_CTX_free(context) }

    /// Seals `plain` into `sealed`, which has room for it and the tag.
    func seal(
        _ plain: UnsafeRawBufferPointer, nonce: [UInt8], authenticating additional: [UInt8],
        into sealed: UnsafeMutableRawBufferPointer
    ) -> Int? {
        var written = 0
        let isDone = CCryptoBoringSSL_EVP_AEAD_CTX_seal(
            context, sealed.bindMemory(to: UInt8.self).baseAddress, &written, sealed.count, nonce, nonce.count,
            plain.bindMemory(to: UInt8.self).baseAddress, plain.count, additional, additional.count)
        return isDone == 1 ? written : nil
    }

    /// Opens `sealed`, tag included, into `plain`; nil where it is not what was sealed.
    func open(
        _ sealed: UnsafeRawBufferPointer, nonce: [UInt8], authenticating additional: [UInt8],
        into plain: UnsafeMutableRawBufferPointer
    ) -> Int? {
        var written = 0
        let isWhole = CCryptoBoringSSL_EVP_AEAD_CTX_open(
            context, plain.bindMemory(to: UInt8.self).baseAddress, &written, plain.count, nonce, nonce.count,
            sealed.bindMemory(to: UInt8.self).baseAddress, sealed.count, additional, additional.count)
        if isWhole != 1 { CCryptoBoringSSL_ERR_clear_error() }
        return isWhole == 1 ? written : nil
    }

    /// The tag that says which blob this key's segments are.
    func binding(to digest: Digest) -> [UInt8]? {
        var tag = [UInt8](repeating: 0, count: SealedFormat.bindingSize)
        let count = tag.withUnsafeMutableBytes { room in
            seal(
                UnsafeRawBufferPointer(start: nil, count: 0), nonce: SealedFormat.bindingNonce,
                authenticating: SealedFormat.authenticated(digest: digest), into: room)
        }
        return count == tag.count ? tag : nil
    }

    func isBinding(_ tag: [UInt8], of digest: Digest) -> Bool {
        var nothing = [UInt8](repeating: 0, count: SealedFormat.bindingSize)
        return tag.withUnsafeBytes { tag in
            nothing.withUnsafeMutableBytes { room in
                open(
                    tag, nonce: SealedFormat.bindingNonce,
                    authenticating: SealedFormat.authenticated(digest: digest), into: room) == 0
            }
        }
    }
}
