import NIOCore

/// An IP address, and whether the public internet is where it leads.
///
/// The outbound guard lets nothing else through unless the settings say so: an upstream, its token realm and its redirects name
/// hosts as they like, and this server stands inside someone's network.
package enum IPAddress: Hashable, Sendable {
    case v4(UInt32)
    /// Sixteen bytes.
    case v6([UInt8])

    init?(_ address: SocketAddress) {
        let protocolFamily = address.protocol
        guard let found = address.withSockAddr({ pointer, _ in Self(protocolFamily, at: pointer) }) else { return nil }
        self = found
    }

    /// The address in a `sockaddr_in` or `sockaddr_in6`: behind family and port, and in the latter behind the flow label.
    init?(_ family: NIOBSDSocket.ProtocolFamily, at pointer: UnsafeRawPointer) {
        switch family {
        case .inet: self = .v4(UInt32(bigEndian: pointer.loadUnaligned(fromByteOffset: 4, as: UInt32.self)))
        case .inet6: self = .v6(Array(UnsafeRawBufferPointer(start: pointer + 8, count: 16)))
        default: return nil
        }
    }

    /// A dotted quad in its one canonical form: no leading zeros, no missing parts, nothing hexadecimal. Everything else that
    /// `inet_aton` reads as an address is refused before it gets here.
    package init?(dotted text: some StringProtocol) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var value: UInt32 = 0
        for part in parts {
            guard part.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let byte = UInt8(part), String(byte) == part else {
                return nil
            }
            value = value << 8 | UInt32(byte)
        }
        self = .v4(value)
    }

    /// An IPv6 address as it stands between the brackets of a URL, without a zone.
    package init?(bracketed text: some StringProtocol) {
        guard text.contains(":"), !text.contains("%"),
            let address = try? SocketAddress(ipAddress: String(text), port: 0), case .v6 = address
        else { return nil }
        self.init(address)
    }

    /// Why the guard does not connect there, as in "127.0.0.1 is a loopback address", or nil for a public address.
    package var objection: String? {
        switch self {
        case .v4(let value): Self.objection(toV4: value)
        case .v6(let bytes): Self.objection(toV6: bytes)
        }
    }

    var isLoopback: Bool {
        switch self {
        case .v4(let value): value >> 24 == 127
        case .v6(let bytes): bytes.dropLast().allSatisfy { $0 == 0 } && bytes.last == 1
        }
    }

    /// IANA's special-purpose registry for IPv4. 192.0.0.0/24 holds the addresses that some clouds use for their metadata.
    private static let refusedV4: [(network: UInt32, bits: UInt32, name: String)] = [
        (0x0000_0000, 8, "an unspecified address"),
        (0x0a00_0000, 8, "a private address"),
        (0x6440_0000, 10, "a shared (carrier) address"),
        (0x7f00_0000, 8, "a loopback address"),
        (0xa83f_8110, 32, "a cloud's own address"),
        (0xa9fe_0000, 16, "a link-local address"),
        (0xac10_0000, 12, "a private address"),
        (0xc000_0000, 24, "a protocol's address"),
        (0xc000_0200, 24, "a documentation address"),
        (0xc058_6300, 24, "a 6to4 relay"),
        (0xc0a8_0000, 16, "a private address"),
        (0xc612_0000, 15, "a benchmarking address"),
        (0xc633_6400, 24, "a documentation address"),
        (0xcb00_7100, 24, "a documentation address"),
        (0xe000_0000, 4, "a multicast address"),
        (0xf000_0000, 4, "a reserved address"),
    ]

    private static func objection(toV4 value: UInt32) -> String? {
        refusedV4.first { value >> (32 - $0.bits) == $0.network >> (32 - $0.bits) }?.name
    }

    /// Only 2000::/3 is the internet; inside it, tunnels carry an IPv4 address that would go unjudged (6to4, Teredo).
    private static func objection(toV6 bytes: [UInt8]) -> String? {
        let v4 = bytes[12...].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        if bytes[..<10].allSatisfy({ $0 == 0 }), bytes[10] == 0xff, bytes[11] == 0xff {
            return objection(toV4: v4).map { "\($0) written as IPv6" }
        }
        if bytes[..<12].allSatisfy({ $0 == 0 }) {
            return v4 == 1 ? "a loopback address" : v4 == 0 ? "an unspecified address" : "an IPv4-compatible address"
        }
        // A network without IPv4 reaches the rest of the world through this prefix: the address inside is what counts.
        if bytes.starts(with: [0x00, 0x64, 0xff, 0x9b]), bytes[4..<12].allSatisfy({ $0 == 0 }) {
            return objection(toV4: v4).map { "\($0) behind NAT64" }
        }
        switch (bytes[0], bytes[1]) {
        case (0xfc...0xfd, _): return "a unique-local address"
        case (0xfe, 0x80...0xbf): return "a link-local address"
        case (0xfe, 0xc0...0xff): return "a site-local address"
        case (0xff, _): return "a multicast address"
        case (0x20, 0x02): return "a 6to4 address"
        case (0x20, 0x01) where bytes[2] < 2: return "a protocol's or tunnel's address"
        case (0x20, 0x01) where bytes[2] == 0x0d && bytes[3] == 0xb8: return "a documentation address"
        case (0x3f, 0xff) where bytes[2] < 0x10: return "a documentation address"
        case (0x20...0x3f, _): return nil
        default: return "a reserved address"
        }
    }
}

extension IPAddress: CustomStringConvertible {
    package var description: String {
        switch self {
        case .v4(let value):
            return stride(from: UInt32(24), through: 0, by: -8).map { String(value >> $0 & 255) }.joined(separator: ".")
        case .v6(let bytes):
            // Whole, without "::": it is for reading in a message and for a URL, where both forms mean the same.
            return stride(from: 0, to: 16, by: 2)
                .map { String(UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]), radix: 16) }
                .joined(separator: ":")
        }
    }
}
