import NIOCore
import NIOPosix
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Finds a name's addresses through the system, on threads of its own: `getaddrinfo` blocks, for many seconds when a name server is
/// down, and must hold up neither event loops nor those who read blobs. Answers are kept for half a minute.
package final class NameResolver: Sendable {
    package enum Failure: Error, CustomStringConvertible {
        case noSuchHost
        case failed

        package var description: String {
            switch self {
            case .noSuchHost: "no such host"
            case .failed: "the name could not be resolved"
            }
        }
    }

    package typealias Lookup = @Sendable (String) throws(Failure) -> [IPAddress]

    private struct Known {
        let addresses: [IPAddress]
        let until: ContinuousClock.Instant
    }

    private static let keptFor: Duration = .seconds(30)
    /// More names than upstreams have; when it is hit, everything is looked up anew.
    private static let maxKnown = 1024

    private let threads = NIOThreadPool(numberOfThreads: 4)
    private let lookup: Lookup
    private let known = Mutex<[String: Known]>([:])

    package convenience init() {
        self.init { name throws(Failure) in try NameResolver.system(name) }
    }

    /// With another way to look names up, for tests.
    package init(_ lookup: @escaping Lookup) {
        self.lookup = lookup
        threads.start()
    }

    /// Every address of `name`, at least one.
    func addresses(of name: String) async throws(Failure) -> [IPAddress] {
        let now = ContinuousClock.now
        if let found = known.withLock({ $0[name] }), found.until > now { return found.addresses }
        let addresses: [IPAddress]
        do {
            addresses = try await threads.runIfActive { [lookup] in try lookup(name) }
        } catch {
            throw error as? Failure ?? .failed
        }
        if addresses.isEmpty { throw .noSuchHost }
        known.withLock {
            if $0.count >= Self.maxKnown { $0.removeAll() }
            $0[name] = Known(addresses: addresses, until: now + Self.keptFor)
        }
        return addresses
    }

    func shutdown() async { try? await threads.shutdownGracefully() }

    private static func system(_ name: String) throws(Failure) -> [IPAddress] {
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
        switch status {
        case 0: break
        case EAI_NONAME: throw .noSuchHost
        default: throw .failed
        }
        var addresses: [IPAddress] = []
        var next = list
        while let entry = next?.pointee {
            let family = NIOBSDSocket.ProtocolFamily(rawValue: entry.ai_family)
            if let pointer = entry.ai_addr, let address = IPAddress(family, at: pointer) { addresses.append(address) }
            next = entry.ai_next
        }
        return addresses
    }
}
