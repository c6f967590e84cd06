import NIOCore

/// A sealed blob's first 512 bytes (drawn in `SealedFormat`).
struct SealedHeader: Equatable {
    let scope: String
    let wrappedKey: [UInt8]
    let version: SealedFormat.Version
    /// Zeros until the blob is whole; empty in version 1.
    var binding: [UInt8]

    /// The binding's offset in the file.
    var bindingOffset: Int { 4 + 1 + 1 + 1 + scope.utf8.count + 2 + wrappedKey.count }

    func encoded() -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(SealedFormat.headerSize)
        buffer.writeBytes(SealedFormat.magic)
        buffer.writeInteger(version.rawValue)
        buffer.writeInteger(SealedFormat.cipher)
        buffer.writeInteger(UInt8(scope.utf8.count))
        buffer.writeString(scope)
        buffer.writeInteger(UInt16(wrappedKey.count))
        buffer.writeBytes(wrappedKey)
        buffer.writeBytes(binding)
        buffer.writeRepeatingByte(0, count: SealedFormat.headerSize - buffer.readableBytes)
        return buffer
    }

    /// The header of a new blob.
    init(scope: String, wrappedKey: [UInt8]) {
        self.scope = scope
        self.wrappedKey = wrappedKey
        version = .current
        binding = [UInt8](repeating: 0, count: SealedFormat.bindingSize)
    }

    init(_ encoded: ByteBuffer) throws(SealError) {
        var rest = encoded
        guard rest.readableBytes == SealedFormat.headerSize else {
            throw .badHeader("\(rest.readableBytes) bytes, not \(SealedFormat.headerSize)")
        }
        guard rest.readBytes(length: 4) == SealedFormat.magic else { throw .badHeader("it does not begin with WEIR") }
        guard let version = rest.readInteger(as: UInt8.self).flatMap(SealedFormat.Version.init(rawValue:)) else {
            throw .badHeader("its version is not known")
        }
        guard let cipher: UInt8 = rest.readInteger(), cipher == SealedFormat.cipher else {
            throw .badHeader("its cipher is not known")
        }
        guard let scopeLength: UInt8 = rest.readInteger(), let scope = rest.readString(length: Int(scopeLength)),
            let keyLength: UInt16 = rest.readInteger(), let key = rest.readBytes(length: Int(keyLength)),
            let binding = rest.readBytes(length: version == .bound ? SealedFormat.bindingSize : 0)
        else { throw .badHeader("its lengths run over its end") }
        // Checked, so that no bit of the file can change unnoticed.
        guard rest.readableBytesView.allSatisfy({ $0 == 0 }) else { throw .badHeader("its padding is not zero") }
        self.scope = scope
        self.wrappedKey = key
        self.version = version
        self.binding = binding
    }
}
