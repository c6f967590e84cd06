import NIOCore
import NIOPosix
import Synchronization
import WeirCore

/// Decides where this server connects to.
///
/// A name is resolved and judged before anything is sent; every address must be public. As another answer could come a moment
/// later (DNS rebinding), the address that a connection really has is judged once more before it carries a request
/// (`Connections`). Private addresses pass only for an upstream that the settings put there, at that upstream's host.
final class OutboundGuard: Sendable {
    private let overrides: [String: OutboundURL]
    private let allowPrivate: Set<String>
    private let trustedRealms: [String: Set<String>]
    private let names: NameResolver

    init(_ settings: UpstreamSettings, names: NameResolver) {
        overrides = settings.overrides.reduce(into: [:]) { urls, entry in
            urls[entry.key.lowercased()] = try? OutboundURL(entry.value)
        }
        allowPrivate = Set(settings.allowPrivate.map { Self.bare($0) })
        trustedRealms = settings.trustedRealms.reduce(into: [:]) { realms, entry in
            realms[entry.key.lowercased()] = Set(entry.value.map { Self.bare($0) })
        }
        self.names = names
    }

    /// Where the registry of `source` is. Throws where its host is none, or its path no path.
    func upstream(for source: UpstreamSource) throws(UpstreamError) -> Upstream {
        try upstream(for: source.host, plainHTTP: source.plainHTTP, pathPrefix: source.pathPrefix ?? "")
    }

    func upstream(
        for host: String, plainHTTP: Bool = false, pathPrefix: String = ""
    ) throws(UpstreamError) -> Upstream {
        let override = overrides[host.lowercased()]
        var base: OutboundURL
        do throws(URLRefusal) {
            if let override {
                base = override
            } else {
                base = try OutboundURL("\(plainHTTP ? "http" : "https")://\(host)")
                guard base.path == "/", base.query == nil else { throw URLRefusal("holds more than a host") }
            }
            if !pathPrefix.isEmpty {
                guard Self.isPath(pathPrefix) else { throw URLRefusal("has a path prefix that is none") }
                base = base.appending(pathPrefix.hasPrefix("/") ? pathPrefix : "/" + pathPrefix)
            }
        } catch {
            throw UpstreamError(.guarded, host: host, "the upstream's host \(error.reason)", step: .address)
        }
        return Upstream(
            host: host, base: base, isOverridden: override != nil,
            mayBePrivate: override != nil || isPrivateAllowed(base),
            trustedRealms: trustedRealms[host.lowercased()] ?? [])
    }

    /// What settings name with a port counts for that port alone.
    private func isPrivateAllowed(_ url: OutboundURL) -> Bool {
        allowPrivate.contains(url.host.description) || allowPrivate.contains("\(url.host):\(url.port)")
    }

    /// Segments of letters, digits and `-._~`, none of them dots alone.
    private static func isPath(_ path: String) -> Bool {
        let segments = path.split(separator: "/", omittingEmptySubsequences: true)
        return path.utf8.count <= 512 && !path.contains("//")
            && segments.allSatisfy { segment in
                segment.contains { $0 != "." }
                    && segment.utf8.allSatisfy {
                        ($0 >= 0x30 && $0 <= 0x39) || ($0 >= 0x41 && $0 <= 0x5a) || ($0 >= 0x61 && $0 <= 0x7a)
                            || [0x2d, 0x2e, 0x5f, 0x7e].contains($0)
                    }
            }
    }

    /// Lets a request to `url` pass, or throws. Tells on which connections it is to go.
    func admit(_ url: OutboundURL, for upstream: Upstream) async throws(UpstreamError) -> Connections.Lane {
        if isTrusted(url, for: upstream) { return .trusted }
        let objection =
            switch url.host {
            case .address(let address): address.objection.map { "\(address) is \($0)" }
            case .name(let name): try await objection(to: name, at: url, for: upstream)
            }
        if let objection { throw refusal(objection, of: url, for: upstream) }
        return .open
    }

    /// What is said when a connection turned out to lead to `address`.
    func refusal(_ objection: String, of url: OutboundURL, for upstream: Upstream) -> UpstreamError {
        upstream.error(
            .guarded,
            "not connecting to \(url.host): \(objection). If that is meant, allow private addresses for this upstream",
            step: .address)
    }

    /// A redirect from a trusted upstream may lead to its own origin, and to private hosts that the settings name; one from any
    /// other upstream may not, whatever is allowed for others.
    ///
    /// An upstream whose place the settings tell has all ports of that host: its storage and its token server are often the next
    /// one, and whoever wrote the URL knows the machine. One that settings only let be private has its own port, or that
    /// machine's others, which nobody named, could be asked by it.
    private func isTrusted(_ url: OutboundURL, for upstream: Upstream) -> Bool {
        guard upstream.mayBePrivate else { return false }
        if url.origin == upstream.base.origin || isPrivateAllowed(url) { return true }
        return upstream.isOverridden && url.host == upstream.base.host
    }

    private func objection(
        to name: String, at url: OutboundURL, for upstream: Upstream
    ) async throws(UpstreamError) -> String? {
        let addresses: [IPAddress]
        do throws(NameResolver.Failure) {
            addresses = try await names.addresses(of: name, for: upstream.host)
        } catch {
            throw upstream.error(.unavailable, "\(name): \(error.description)", step: .name)
        }
        for address in addresses {
            if let objection = address.objection { return "its address \(address) is \(objection)" }
        }
        return nil
    }

    func shutdown() async { await names.shutdown() }

    /// "host" or "host:port" as URLs spell it. The port that https has anyhow goes.
    private static func bare(_ text: String) -> String {
        guard let url = try? OutboundURL("https://\(text)") else { return text.lowercased() }
        return url.port == url.scheme.defaultPort ? url.host.description : "\(url.host):\(url.port)"
    }
}
