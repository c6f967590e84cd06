package import NIOCore

/// Whose doing something is, where limits and tallies are kept for each client: an IPv4 address, or the /64 of an IPv6 address,
/// since that is what one customer of a network gets.
package struct ClientGroup: Hashable, Sendable {
    private let high: UInt64
    private let kind: Kind

    private enum Kind: UInt8, Sendable { case four, six, other }

    /// Clients without an address (a UNIX socket) are one group.
    package init(_ address: SocketAddress?) {
        // `sockaddr_in` has its four bytes at 4, `sockaddr_in6` its sixteen at 8.
        let bytes = address?.withSockAddr { start, count in Array(UnsafeRawBufferPointer(start: start, count: count)) } ?? []
        switch address {
        case .v4 where bytes.count >= 8: self.init(four: bytes[4..<8])
        case .v6 where bytes.count >= 24:
            let six = bytes[8..<24]
            // ::ffff:a.b.c.d is an IPv4 client of a socket that takes both.
            if six.starts(with: Self.mapped) { self.init(four: six.suffix(4)) } else { self.init(.six, six.prefix(8)) }
        default: self.init(.other, [])
        }
    }

    private static let mapped: [UInt8] = Array(repeating: 0, count: 10) + [0xff, 0xff]

    private init(four: ArraySlice<UInt8>) { self.init(.four, four) }

    private init(_ kind: Kind, _ bytes: ArraySlice<UInt8>) {
        self.kind = kind
        high = bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// - Parameter text: an address without a port.
    package init(text: String?) { self.init(text.flatMap { try? SocketAddress(ipAddress: $0, port: 0) }) }
}

extension ClientGroup: CustomStringConvertible {
    package var description: String {
        switch kind {
        case .four: return (0..<4).map { "\(UInt8(truncatingIfNeeded: high >> UInt64(24 - 8 * $0)))" }.joined(separator: ".")
        case .six:
            let groups = (0..<4).map { String(UInt16(truncatingIfNeeded: high >> UInt64(48 - 16 * $0)), radix: 16) }
            return groups.joined(separator: ":") + "::/64"
        case .other: return "local"
        }
    }
}
