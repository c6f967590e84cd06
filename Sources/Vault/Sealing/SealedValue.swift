// Small values, sealed as a whole: key material, secrets, access keys, wrapped data keys, manifests.
//
//     ┌─────────┬──────────────┬────────────────────┬─────────┐
//     │ 1 byte  │ 12 bytes     │ as long as the     │ 16 bytes│
//     │ version │ random nonce │ value: AES-256-GCM │ tag     │
//     └─────────┴──────────────┴────────────────────┴─────────┘
//
// The version byte and a `binding` are authenticated with the value. The binding says what the value is and whose: a sealed value
// that is moved to another row, or read as another kind, does not open. Nonces are random, so one key may seal at most 2^32
// values; no key here comes near that.

package import Crypto
package import NIOCore

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

package enum SealedValue {
    static let version: UInt8 = 1
    static let nonceSize = 12
    /// How many bytes sealing adds.
    package static let overhead = 1 + nonceSize + 16

    package static func seal(_ plain: [UInt8], with key: SymmetricKey, binding: String) throws(SealError) -> [UInt8] {
        do {
            let box = try AES.GCM.seal(plain, using: key, authenticating: authenticated(binding))
            guard let combined = box.combined else { throw SealError.damaged }
            var sealed = [UInt8]()
            sealed.reserveCapacity(1 + combined.count)
            sealed.append(version)
            sealed.append(contentsOf: combined)
            return sealed
        } catch {
            throw .misused("a value could not be sealed: \(error)")
        }
    }

    package static func seal(_ plain: ByteBuffer, with key: SymmetricKey, binding: String) throws(SealError) -> [UInt8] {
        try seal(Array(plain.readableBytesView), with: key, binding: binding)
    }

    package static func open(_ sealed: [UInt8], with key: SymmetricKey, binding: String) throws(SealError) -> [UInt8] {
        [UInt8](try openData(sealed, with: key, binding: binding))
    }

    /// Opens into a buffer, for manifests that go to clients.
    package static func openBuffer(
        _ sealed: [UInt8], with key: SymmetricKey, binding: String
    ) throws(SealError) -> ByteBuffer {
        let plain = try openData(sealed, with: key, binding: binding)
        var buffer = ByteBuffer()
        buffer.reserveCapacity(plain.count)
        buffer.writeContiguous(plain)
        return buffer
    }

    private static func openData(
        _ sealed: [UInt8], with key: SymmetricKey, binding: String
    ) throws(SealError) -> Data {
        guard sealed.count >= overhead, sealed[0] == version else { throw .damaged }
        do {
            let box = try AES.GCM.SealedBox(combined: sealed[1...])
            return try AES.GCM.open(box, using: key, authenticating: authenticated(binding))
        } catch {
            throw .damaged
        }
    }

    private static func authenticated(_ binding: String) -> [UInt8] {
        [version] + Array(binding.utf8)
    }
}

extension ByteBuffer {
    mutating func writeContiguous(_ data: Data) {
        data.withUnsafeBytes { bytes in _ = writeBytes(bytes) }
    }
}
