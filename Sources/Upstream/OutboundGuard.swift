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

    /// Where the registry `host` is. Throws where the host is none.
    func upstream(for host: String) throws(UpstreamError) -> Upstream {
        let override = overrides[host.lowercased()]
        let base: OutboundURL
        if let override {
            base = override
        } else {
            do throws(URLRefusal) {
                base = try OutboundURL("https://\(host)")
                guard base.path == "/", base.query == nil else { throw URLRefusal("holds more than a host") }
            } catch {
                throw UpstreamError(.guarded, host: host, "the upstream's host \(error.reason)")
            }
        }
        return Upstream(
            host: host, base: base, isOverridden: override != nil,
            mayBePrivate: override != nil || allowPrivate.contains(base.host.description),
            trustedRealms: trustedRealms[host.lowercased()] ?? [])
    }

    /// Lets a request to `url` pass, or throws. Tells on which connections it is to go.
    func admit(_ url: OutboundURL, for upstream: Upstream) async throws(UpstreamError) -> Connections.Lane {
        if isTrusted(url.host, for: upstream) { return .trusted }
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
            "not connecting to \(url.host): \(objection). If that is meant, allow private addresses for this upstream")
    }

    /// A redirect from a trusted upstream may lead to its own host, and to private hosts that the settings name; one from any other
    /// upstream may not, whatever is allowed for others.
    private func isTrusted(_ host: URLHost, for upstream: Upstream) -> Bool {
        upstream.mayBePrivate && (host == upstream.base.host || allowPrivate.contains(host.description))
    }

    private func objection(
        to name: String, at url: OutboundURL, for upstream: Upstream
    ) async throws(UpstreamError) -> String? {
        let addresses: [IPAddress]
        do throws(NameResolver.Failure) {
            addresses = try await names.addresses(of: name)
        } catch {
            throw upstream.error(.unavailable, "\(name): \(error.description)")
        }
        for address in addresses {
            if let objection = address.objection { return "its address \(address) is \(objection)" }
        }
        return nil
    }

    func shutdown() async { await names.shutdown() }

    /// The host of "host" or "host:port", as URLs spell it.
    private static func bare(_ text: String) -> String {
        (try? OutboundURL("https://\(text)"))?.host.description ?? text.lowercased()
    }
}
