// Calls BoringSSL directly, as bundled with swift-crypto. `AES.GCM` allocates its result and copies it twice per segment: at 64
// KiB that costs as much as the cipher itself, and a warm pull does little else. These calls write straight into the buffer that
// is sent. They are not public API of swift-crypto: if a new major version renames them, only this file fails to compile.
import CCryptoBoringSSL
import struct Crypto.SymmetricKey
import WeirCore

/// AES-256-GCM for blob segments, from one buffer into another, with one key.
///
/// Safe to share: the context is written once, by `init`; BoringSSL only reads it.
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

    /// Seals `plain` into `sealed`, which must have room for it and the tag.
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

    /// Opens `sealed`, tag included, into `plain`; nil if authentication fails.
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

    /// The tag that binds this key's segments to one digest.
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
