import WeirText

/// Random names for requests and events.
package enum RandomID {
    /// A UUID, version 4, in lower case, from the system's cryptographic generator.
    package static func uuid() -> String {
        let high = UInt64.random(in: 0...UInt64.max) & ~0xf000 | 0x4000
        let low = UInt64.random(in: 0...UInt64.max) & ~(0xc000 << 48) | 0x8000 << 48
        let hex = Array((high.padded(to: 16, radix: 16) + low.padded(to: 16, radix: 16)).utf8)
        let cuts = [0, 8, 12, 16, 20, 32]
        return zip(cuts, cuts.dropFirst()).map { String(decoding: hex[$0..<$1], as: UTF8.self) }.joined(separator: "-")
    }
}
