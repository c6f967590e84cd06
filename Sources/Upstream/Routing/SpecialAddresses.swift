package import WeirCore

/// The addresses that are not the public internet's: IANA's special-purpose registries.
///
/// The outbound guard lets nothing else through unless the settings say so: an upstream, its token realm and its redirects name
/// hosts as they like, and this server stands inside a network of its own.
enum SpecialAddresses {
    /// The first that fits counts. 192.0.0.0/24 and 168.63.129.16 hold the addresses that some clouds use for their metadata.
    /// IPv6 tunnels (6to4, Teredo) carry an IPv4 address that would go unjudged.
    static let blocks: [(block: AddressBlock, name: String)] = [
        ("0.0.0.0/8", "an unspecified address"),
        ("10.0.0.0/8", "a private address"),
        ("100.64.0.0/10", "a shared (carrier) address"),
        ("127.0.0.0/8", "a loopback address"),
        ("168.63.129.16", "a cloud's own address"),
        ("169.254.0.0/16", "a link-local address"),
        ("172.16.0.0/12", "a private address"),
        ("192.0.0.0/24", "a protocol's address"),
        ("192.0.2.0/24", "a documentation address"),
        ("192.88.99.0/24", "a 6to4 relay"),
        ("192.168.0.0/16", "a private address"),
        ("198.18.0.0/15", "a benchmarking address"),
        ("198.51.100.0/24", "a documentation address"),
        ("203.0.113.0/24", "a documentation address"),
        ("224.0.0.0/4", "a multicast address"),
        ("240.0.0.0/4", "a reserved address"),
        ("::1", "a loopback address"),
        ("::", "an unspecified address"),
        ("::/96", "an IPv4-compatible address"),
        ("fc00::/7", "a unique-local address"),
        ("fe80::/10", "a link-local address"),
        ("fec0::/10", "a site-local address"),
        ("ff00::/8", "a multicast address"),
        ("2002::/16", "a 6to4 address"),
        ("2001::/23", "a protocol's or tunnel's address"),
        ("2001:db8::/32", "a documentation address"),
        ("3fff::/20", "a documentation address"),
    ].map { (block($0), $1) }

    /// All of IPv6 that has been given out.
    static let unicast6 = block("2000::/3")
    /// By this prefix a network without IPv4 reaches the rest of the world: the IPv4 address inside counts.
    static let nat64 = block("64:ff9b::/96")

    private static func block(_ text: String) -> AddressBlock {
        guard let block = AddressBlock(text) else { preconditionFailure("\(text) is no block of addresses") }
        return block
    }
}

extension IPAddress {
    /// Why the guard does not connect there, as in "127.0.0.1 is a loopback address", or nil for a public address.
    package var objection: String? {
        if case .v6(let bits) = self {
            if unmapped != self { return unmapped.objection.map { "\($0) written as IPv6" } }
            if SpecialAddresses.nat64.contains(self) {
                return IPAddress.v4(UInt32(truncatingIfNeeded: bits)).objection.map { "\($0) behind NAT64" }
            }
        }
        if let special = SpecialAddresses.blocks.first(where: { $0.block.contains(self) }) { return special.name }
        if case .v6 = self, !SpecialAddresses.unicast6.contains(self) { return "a reserved address" }
        return nil
    }
}
