import Logging
import NIOCore
import Testing
import WeirCore
import WeirUpstream

/// Published incidents of other caches that no other suite covers: realms are in `RealmTests` and `LoginTests`, redirects in
/// `RedirectTests`, addresses in `AddressTests` and `FaultTests`, lists in `ListTests`.
@Suite struct IncidentTests {
    /// GO-2026-6225: a host was matched by a pattern with no end.
    @Test func aHostIsKnownWholeOrNotAtAll() {
        let known = [
            "public.ecr.aws", "quay.io", "registry.k8s.io", "registry-1.docker.io", "ghcr.io", "registry.gitlab.com", "cgr.dev",
            "mine.azurecr.io", "123456789012.dkr.ecr.us-east-1.amazonaws.com",
        ]
        for host in known {
            #expect(UpstreamKind(host: host) != nil)
            for other in [
                host + ".evil.example", "evil-" + host + ".example", host + "x", host + ".", "evil.example/" + host, "a@" + host,
                "evil.example#" + host, host + ":443@evil.example", "x." + host + "." + host, host.replacing(".", with: "-"),
                host + "%2eevil.example", " " + host, host + "\n",
            ] { #expect(UpstreamKind(host: other) == nil, "\(other)") }
        }
    }

    /// A signed call to AWS carries a signature that a redirect could carry off.
    @Test func aSignedCallIsNotRedirected() async throws {
        let host = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
        let evil = try await RudeServer { _ in .json("{}") }
        let server = try await RudeServer { request in
            request.method == "POST" ? .redirect(evil.url + "/", 308) : Reply(401)
        }
        try await withClient(.reaching(server.url, host: host)) { client in
            let source = UpstreamSource(
                host: host, repository: "app", credential: someCredential, owner: "rule", kind: .ecr)
            _ = await refusal(.invalid) { _ = try await client.manifest(.latest, in: source) }
        }
        #expect(evil.connections == 0)
    }

    /// zot: a mirror without a login of its own inherited another one's.
    @Test func aRuleWithoutALoginIsNobody() async throws {
        let server = try await RudeServer { request in
            request.header("authorization") == someBasic ? .json(someManifest) : .challenge(#"Basic realm="r""#)
        }
        try await withClient(.reaching(server.url)) { client in
            _ = try await client.manifest(.latest, in: .at(as: someCredential, owner: "mine"))
            for source in [UpstreamSource.at(owner: "theirs"), .at(owner: "mine")] {
                _ = await refusal(.denied) { _ = try await client.manifest(.latest, in: source) }
            }
        }
    }

    /// The error of an expired link, or of a dead storage, holds nothing of the link.
    @Test func noErrorShowsALink() async throws {
        for reply in [
            Reply(403), Reply(503), .silence, Reply(raw: "nonsense\r\n\r\n"),
            Reply(200, [], "short", length: 100, ending: .close),
        ] {
            let storage = try await RudeServer { _ in reply }
            let server = try await RudeServer { _ in .redirect(storage.url + "/blob?X-Amz-Signature=planted-signature") }
            try await withClient(.reaching(server.url, idle: .milliseconds(300), head: .milliseconds(300))) { client in
                for _ in 0..<2 {
                    do {
                        _ = try await collected(client.blob(Digest(someDigest), range: .whole, in: .at()).body)
                        Issue.record("nothing was thrown")
                    } catch {
                        #expect(!"\(error) \(String(describing: error as? UpstreamError))".contains("planted"))
                    }
                }
            }
        }
    }

    /// Quay, distribution: logins in the debug log. Here all that an ECR login sends and receives.
    @Test func noLogHoldsAKeyOrAPassword() async throws {
        let host = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
        let server = try await RudeServer { request in
            request.method == "POST"
                ? .json(#"{"authorizationData":[{"authorizationToken":"planted-token","expiresAt":1900000000}]}"#)
                : .json(someManifest)
        }
        let lines = CapturedLines()
        try await withLogger(Logger(label: "test") { _ in CapturingHandler(lines) }) { _ in
            try await withClient(.reaching(server.url, host: host)) { client in
                let source = UpstreamSource(
                    host: host, repository: "app", credential: someCredential, owner: "rule", kind: .ecr)
                _ = try await Upstreams(client).manifest(.latest, in: source)
                try await client.check(source)
            }
        }
        #expect(lines.all.contains("/v2/app/manifests/latest"))
        for secret in ["planted", "cm9ib3Q6", "Signature", "Credential"] { #expect(!lines.all.contains(secret)) }
    }
}
