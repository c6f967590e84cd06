import NIOCore
import WeirCore

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Turns a refusing answer into its reason. The one place where an upstream's status gets a meaning.
struct ResponseClassifier: Sendable {
    let clock: WallClock

    /// - Parameters:
    ///   - noun: what was asked for, as in "the manifest latest".
    ///   - login: whether one was sent along.
    func error(for answer: Answer, asking noun: String, login: LoginState) async -> UpstreamError {
        let code = await Self.code(in: answer)
        let upstream = answer.upstream
        let who = upstream.naming(answer.url)
        let isElsewhere = !answer.isFromUpstreamItself
        let retryAfter = answer.header("retry-after").flatMap { RetryAfter.parse($0, now: clock.now) }
            .map { isElsewhere ? min($0, RetryAfter.longestElsewhere) : $0 }
        func error(_ kind: UpstreamError.Kind, _ detail: String) -> UpstreamError {
            let said = code.map { ": it says \($0)" } ?? ""
            var error = upstream.error(
                kind, detail + said, status: answer.status, retryAfter: retryAfter,
                step: kind == .denied && !isElsewhere ? .login : .request)
            if isElsewhere { error.saidElsewhere = "\(answer.url.host)" }
            if kind == .denied { error.denial = self.denial(answer, login, code) }
            return error
        }
        switch answer.status {
        case 401, 403, 407, 451: return error(.denied, told(answer, noun, login, code))
        case 404, 410: return error(.notFound, "\(who) does not have \(noun)")
        case 429: return error(.rateLimited, "\(who) allows no more requests for now")
        case 408, 425, 500, 502...599: return error(.unavailable, "\(who) failed to send \(noun)")
        case 416: return error(.invalid, "\(who) does not have the range asked for of \(noun)")
        default: return error(.invalid, "\(who) gave an answer without meaning to \(noun)")
        }
    }

    /// Whether a HEAD's answer decides nothing, so that a GET must be sent. Some registries refuse a HEAD, or know nothing of it,
    /// for what they give to a GET (public.ecr.aws for blobs, Nexus for manifests). A limit and an outage are the host's word
    /// about itself and count.
    func isMerelyALook(_ answer: Answer) -> Bool {
        switch answer.status {
        case 200: isPage(answer)
        case 429: false
        case 500...: answer.status == 501
        default: true
        }
    }

    /// Throws where a web page came in the place of a document: a captive portal, a proxy's login, a wrong host.
    func demandNoPage(_ answer: Answer, _ noun: String) throws(UpstreamError) {
        guard isPage(answer) else { return }
        throw answer.upstream.error(
            .invalid, "\(answer.upstream.naming(answer.url)) sent a web page in the place of \(noun)",
            status: answer.status)
    }

    private func isPage(_ answer: Answer) -> Bool {
        answer.mediaType == "text/html" || answer.mediaType == "application/xhtml+xml"
    }

    enum LoginState: Sendable {
        case none
        /// By Basic: the registry itself judges it.
        case sent
        /// As a token: the token server has accepted the login.
        case taken
    }

    private func denial(_ answer: Answer, _ login: LoginState, _ code: String?) -> UpstreamError.Denial {
        guard answer.isFromUpstreamItself else { return .elsewhere }
        if isBlock(answer, login, code) { return .block }
        return switch login {
        case .none: .stranger
        case .sent: .login
        case .taken: .right
        }
    }

    /// Whether something in front of the registry refuses: the answer asks for no login, and does not speak as a registry.
    private func isBlock(_ answer: Answer, _ login: LoginState, _ code: String?) -> Bool {
        guard answer.header("www-authenticate") == nil, code == nil, answer.mediaType?.contains("json") != true else {
            return false
        }
        return isPage(answer) || (login == .none && answer.status != 401)
    }

    private func told(_ answer: Answer, _ noun: String, _ login: LoginState, _ code: String?) -> String {
        let upstream = answer.upstream
        let hidden = upstream.hidesUnknownNames ? "; it answers the same for names that it does not have" : ""
        return switch denial(answer, login, code) {
        case .elsewhere: "\(upstream.naming(answer.url)) refuses \(noun)"
        case .block:
            "it refuses \(noun) \(isPage(answer) ? "by a web page" : "without a word") and asks for no login, as firewalls and delivery "
                + "networks do that block an address"
        case .login: "it refuses \(noun) to this login" + hidden
        case .right: "it refuses \(noun) to this login, which its token server has taken" + hidden
        case .stranger: "it gives \(noun) to nobody without a login" + hidden
        }
    }

    private struct Body: Decodable {
        struct Item: Decodable { var code: String? }
        var errors: [Item]?
    }

    /// The registry's own error code, `TOOMANYREQUESTS` say. Nothing else of the body is shown: a stranger wrote it.
    private static func code(in answer: Answer) async -> String? {
        guard answer.kind != .head, answer.contentLength ?? 0 <= 16 * 1024, answer.mediaType?.contains("json") == true,
            let bytes = try? await answer.collect(upTo: 16 * 1024, within: .seconds(2), as: "an error"),
            let body = try? JSONDecoder().decode(Body.self, from: Data(bytes.readableBytesView)),
            let code = body.errors?.first?.code,
            (1...40).contains(code.utf8.count),
            code.utf8.allSatisfy({ ($0 >= 0x41 && $0 <= 0x5a) || $0 == 0x5f || ($0 >= 0x30 && $0 <= 0x39) })
        else { return nil }
        return code
    }
}
