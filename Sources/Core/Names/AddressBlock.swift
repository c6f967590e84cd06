/// A range of IP addresses, `203.0.113.0/24` or `2001:db8::/32`; a bare address is a range of one.
package struct AddressBlock: Sendable, Hashable {
    private let network: IPAddress
    /// How many of its bits count.
    private let length: Int

    /// An IPv4 address written as IPv6 is the IPv4 address.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let network = IPAddress(withZone: first)?.unmapped else { return nil }
        self.network = network
        let most = network.bytes.count * 8
        guard parts.count == 2 else {
            length = most
            return
        }
        guard let length = Int(parts[1]), (0...most).contains(length), parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) })
        else { return nil }
        self.length = length
    }

    package func contains(_ address: IPAddress) -> Bool {
        switch (network, address) {
        case (.v4(let network), .v4(let bits)): (network ^ bits) >> (32 - length) == 0
        case (.v6(let network), .v6(let bits)): (network ^ bits) >> (128 - length) == 0
        default: false
        }
    }
}
