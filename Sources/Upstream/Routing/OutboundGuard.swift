import NIOCore
import NIOPosix
import Synchronization
import WeirCore

/// Decides where this server connects to.
///
/// A name is resolved and judged before anything is sent; every address must be public. A second lookup could give another answer
/// (DNS rebinding), so the address that a connection really has is judged again before it carries a request (`Connections`).
/// Private addresses pass only for an upstream that the settings allow there, and only at that upstream's host.
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

    /// The registry of `source`, with its URL. Throws where the host is no host, or the path prefix no path.
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

    /// A host that the settings name with a port is allowed on that port alone.
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

    /// Lets a request to `url` pass, or throws. Returns the pool that the request must use.
    func admit(_ url: OutboundURL, for upstream: Upstream) async throws(UpstreamError) -> Connections.Pool {
        if isTrusted(url, for: upstream) { return .trusted }
        let objection =
            switch url.host {
            case .address(let address): address.objection.map { "\(address) is \($0)" }
            case .name(let name): try await objection(to: name, at: url, for: upstream)
            }
        if let objection { throw refusal(objection, of: url, for: upstream) }
        return .open
    }

    /// The error for a connection whose address was refused.
    func refusal(_ objection: String, of url: OutboundURL, for upstream: Upstream) -> UpstreamError {
        upstream.error(
            .guarded,
            "not connecting to \(url.host): \(objection). If that is meant, allow private addresses for this upstream",
            step: .address)
    }

    /// A redirect from a trusted upstream may lead to its own origin, and to private hosts that the settings name. A redirect
    /// from any other upstream may not, whatever is allowed for others.
    ///
    /// An upstream whose URL the settings give may use all ports of that host: its storage and its token server are often on the
    /// next port, and the operator who wrote the URL knows the machine. An upstream that the settings only allow to be private
    /// may use its own port alone: otherwise it could reach services of that machine which the settings do not name.
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

    /// "host" or "host:port" as URLs spell it, without the default port of https.
    private static func bare(_ text: String) -> String {
        guard let url = try? OutboundURL("https://\(text)") else { return text.lowercased() }
        return url.port == url.scheme.defaultPort ? url.host.description : "\(url.host):\(url.port)"
    }
}
