#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Base64 with `-` and `_`, without padding (RFC 4648, 5).
package enum Base64URL {
    package static func encode(_ bytes: some Sequence<UInt8>) -> String {
        Data(bytes).base64EncodedString(options: [.base64URLAlphabet, .omitPaddingCharacter])
    }

    /// Nil for invalid text. Accepts the standard alphabet too.
    package static func decode(_ text: String) -> [UInt8]? {
        var base64 = text.utf8.map { byte -> UInt8 in
            switch byte {
            case UInt8(ascii: "-"): UInt8(ascii: "+")
            case UInt8(ascii: "_"): UInt8(ascii: "/")
            default: byte
            }
        }
        base64 += Array(repeating: UInt8(ascii: "="), count: (4 - base64.count % 4) % 4)
        return Data(base64Encoded: String(decoding: base64, as: UTF8.self)).map { Array($0) }
    }

    /// Nil for all that `encode` does not write: padding, another alphabet, stray bits at the end. So no two texts are the same
    /// bytes.
    package static func decode(exactly text: some Collection<UInt8>) -> [UInt8]? {
        guard let bytes = decode(String(decoding: text, as: UTF8.self)), encode(bytes).utf8.elementsEqual(text) else {
            return nil
        }
        return bytes
    }
}
