package import NIOCore
import WeirCore

/// A client, as limits and tallies count it: an IPv4 address, or the /64 of an IPv6 address, which is what one customer of a
/// network gets.
package struct ClientGroup: Hashable, Sendable {
    private let high: UInt64
    private let kind: Kind

    private enum Kind: UInt8, Sendable { case four, six, other }

    /// Clients without an address (a UNIX socket) are one group.
    package init(_ address: SocketAddress?) {
        self.init(address.flatMap { IPAddress($0) })
    }

    private init(_ address: IPAddress?) {
        switch address?.unmapped {
        case .v4(let bits): (kind, high) = (.four, UInt64(bits))
        case .v6(let bits): (kind, high) = (.six, UInt64(truncatingIfNeeded: bits >> 64))
        case nil: (kind, high) = (.other, 0)
        }
    }

    /// - Parameter text: an address without a port.
    package init(text: String?) { self.init(text.flatMap { IPAddress(withZone: $0) }) }
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
