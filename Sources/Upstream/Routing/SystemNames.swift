import NIOCore
import WeirCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The system's way from a name to its addresses.
enum SystemNames {
    /// Blocks until the system has found them, or has given up.
    static func addresses(of name: String) throws(NameResolver.Failure) -> [IPAddress] {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        #if canImport(Glibc)
            hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
        #else
            hints.ai_socktype = SOCK_STREAM
        #endif
        var list: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(name, nil, &hints, &list)
        defer { if let list { freeaddrinfo(list) } }
        if status != 0 { throw failure(status) }
        var addresses: [IPAddress] = []
        var next = list
        while let entry = next?.pointee {
            let family = NIOBSDSocket.ProtocolFamily(rawValue: entry.ai_family)
            if let pointer = entry.ai_addr, let address = IPAddress(family, at: pointer) { addresses.append(address) }
            next = entry.ai_next
        }
        return addresses
    }

    /// What the resolver's number means: the name does not exist, or no server could tell.
    static func failure(_ status: CInt) -> NameResolver.Failure { noSuchName.contains(status) ? .noSuchHost : .failed }

    /// No such name, and a name without an address (EAI_NODATA, which not every system's headers tell).
    private static let noSuchName: Set<CInt> = [EAI_NONAME, -5]
}
