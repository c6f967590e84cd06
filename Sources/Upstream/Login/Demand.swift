import AsyncHTTPClient
import NIOHTTP1
import WeirCore

/// What a 401 demands.
struct Demand: Sendable {
    enum Scheme: Sendable, Equatable {
        /// The upstream was asked, and demanded no login.
        case nothing
        case basic
        case bearer(realm: OutboundURL, service: String?)
    }

    let scheme: Scheme
    /// The scope that a token must have, in the registry's own words (RFC 6750, 3); nil where it names none.
    let scope: String?

    /// A stranger's scope is sent on to its token server, so its length is bounded.
    private static let maxScopeBytes = 1024

    var isBearer: Bool {
        if case .bearer = scheme { true } else { false }
    }

    /// The strongest scheme of the answer that this client speaks; nil where there is none. Throws where the realm is no usable
    /// URL.
    init?(_ answer: Answer) throws(UpstreamError) {
        let challenges = answer.response.headers["www-authenticate"].flatMap { Challenge.parse($0) }
        if let bearer = challenges.first(where: { $0.scheme == "bearer" && $0.parameters["realm"] != nil }),
            let text = bearer.parameters["realm"]
        {
            do throws(URLRefusal) {
                // A path alone is on the registry's own host.
                let isPath = text.hasPrefix("/") && !text.hasPrefix("//")
                let realm = try isPath ? answer.url.resolving(text) : OutboundURL(text)
                scheme = .bearer(realm: realm, service: bearer.parameters["service"].flatMap { $0.isEmpty ? nil : $0 })
                scope = bearer.parameters["scope"].flatMap { Self.isScope($0) ? $0 : nil }
            } catch {
                throw answer.upstream.error(
                    .guarded, "its token realm '\(Self.shown(text))' \(error.reason): no login is sent there")
            }
        } else if challenges.contains(where: { $0.scheme == "basic" }) {
            scheme = .basic
            scope = nil
        } else {
            return nil
        }
    }

    /// RFC 6749, 3.3: visible characters but `"` and `\`, and blanks between them.
    private static func isScope(_ text: String) -> Bool {
        (1...maxScopeBytes).contains(text.utf8.count)
            && text.utf8.allSatisfy { (0x20...0x7e).contains($0) && $0 != 0x22 && $0 != 0x5c }
    }

    /// A stranger's text for a message: 100 visible characters at most, without the query.
    private static func shown(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.prefix { $0 != "?" }.prefix(100).filter {
                    $0.isASCII && $0.value > 0x20 && $0.value < 0x7f && $0 != "'"
                }))
    }
}
