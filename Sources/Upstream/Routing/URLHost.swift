package import WeirCore

/// The host of a URL: a DNS name in lower case, or an address in its canonical form.
package enum URLHost: Hashable, Sendable, CustomStringConvertible {
    case name(String)
    case address(IPAddress)

    package init(_ text: some StringProtocol) throws(URLRefusal) {
        if text.isEmpty { throw URLRefusal("has no host") }
        if text.hasPrefix("[") {
            guard text.hasSuffix("]"), let address = IPAddress(text.dropFirst().dropLast()), case .v6 = address else {
                throw URLRefusal("has an unreadable IPv6 address")
            }
            self = .address(address)
            return
        }
        let labels = text.split(separator: ".", omittingEmptySubsequences: false)
        guard text.utf8.count <= 253, labels.allSatisfy({ Self.isLabel($0) }) else {
            throw URLRefusal("has a host that is no DNS name")
        }
        // A last label that is a number makes the whole an IPv4 address to some resolvers: 2130706433, 0x7f.1, 0177.0.0.1.
        if let last = labels.last, Self.isNumber(last) {
            guard let address = IPAddress(text) else {
                throw URLRefusal("has an IPv4 address in disguise as its host")
            }
            self = .address(address)
            return
        }
        self = .name(text.lowercased())
    }

    package var description: String {
        switch self {
        case .name(let name): name
        case .address(let address):
            if case .v6 = address { "[\(address)]" } else { "\(address)" }
        }
    }

    /// As a resolver takes it: an IPv6 address without its brackets.
    var connectName: String {
        switch self {
        case .name(let name): name
        case .address(let address): address.description
        }
    }

    /// A name or an address that always means this machine.
    package var isLoopback: Bool {
        switch self {
        case .name(let name): name == "localhost" || name.hasSuffix(".localhost")
        case .address(let address): address.isLoopback
        }
    }

    /// Underscores are not allowed in host names, but occur in DNS.
    private static func isLabel(_ label: some StringProtocol) -> Bool {
        !label.isEmpty && label.utf8.count <= 63
            && label.utf8.allSatisfy {
                ($0 >= 0x30 && $0 <= 0x39) || ($0 >= 0x41 && $0 <= 0x5a) || ($0 >= 0x61 && $0 <= 0x7a)
                    || $0 == 0x2d || $0 == 0x5f
            }
    }

    private static func isNumber(_ label: some StringProtocol) -> Bool {
        let lower = label.lowercased()
        if lower.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) { return true }
        return lower.hasPrefix("0x")
            && lower.dropFirst(2).utf8.allSatisfy { ($0 >= 0x30 && $0 <= 0x39) || ($0 >= 0x61 && $0 <= 0x66) }
    }
}
