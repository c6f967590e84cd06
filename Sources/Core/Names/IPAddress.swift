package import NIOCore

/// An IP address. It prints in its one canonical form; IPv6 whole, without `::`, which means the same in a message and in a URL.
package enum IPAddress: Hashable, Sendable {
    case v4(UInt32)
    case v6(UInt128)

    /// Reads what `inet_pton` reads: four decimal numbers without leading zeros, or IPv6 in any of its forms. Nil for all else
    /// that some resolvers take for an address (`0x7f.1`, `127.1`), and where a zone (`%eth0`) follows.
    package init?(_ text: some StringProtocol) {
        // C functions read up to a zero. NIO takes a zone, too.
        guard !text.utf8.contains(where: { $0 == 0 || $0 == UInt8(ascii: "%") }),
            let address = try? SocketAddress(ipAddress: String(text), port: 0)
        else { return nil }
        self.init(address)
    }

    /// The same, where a zone may follow, as sockets tell it: it is no part of the address.
    package init?(withZone text: some StringProtocol) { self.init(text.prefix { $0 != "%" }) }

    /// Nil where it is no address of the internet: a UNIX socket has none.
    package init?(_ address: SocketAddress) {
        let family = address.protocol
        guard let found = address.withSockAddr({ pointer, _ in Self(family, at: pointer) }) else { return nil }
        self = found
    }

    /// The address in a `sockaddr_in` or `sockaddr_in6`: behind family and port, and in the latter behind the flow label.
    package init?(_ family: NIOBSDSocket.ProtocolFamily, at pointer: UnsafeRawPointer) {
        switch family {
        case .inet: self = .v4(UInt32(bigEndian: pointer.loadUnaligned(fromByteOffset: 4, as: UInt32.self)))
        case .inet6: self = .v6(UInt128(bigEndian: pointer.loadUnaligned(fromByteOffset: 8, as: UInt128.self)))
        default: return nil
        }
    }

    /// The IPv4 address where it is one that is written as IPv6 (`::ffff:203.0.113.7`), as a dual-stack socket reports its
    /// clients; else itself.
    package var unmapped: IPAddress {
        if case .v6(let bits) = self, bits >> 32 == 0xffff { .v4(UInt32(truncatingIfNeeded: bits)) } else { self }
    }

    package var isLoopback: Bool {
        switch self {
        case .v4(let bits): bits >> 24 == 127
        case .v6(let bits): bits == 1
        }
    }

    /// 4 or 16 of them, the highest first.
    package var bytes: [UInt8] {
        switch self {
        case .v4(let bits): withUnsafeBytes(of: bits.bigEndian) { Array($0) }
        case .v6(let bits): withUnsafeBytes(of: bits.bigEndian) { Array($0) }
        }
    }
}

extension IPAddress: CustomStringConvertible {
    package var description: String {
        switch self {
        case .v4: bytes.map { String($0) }.joined(separator: ".")
        case .v6(let bits):
            stride(from: 112, through: 0, by: -16).map { String(UInt16(truncatingIfNeeded: bits >> $0), radix: 16) }
                .joined(separator: ":")
        }
    }
}
