import NIOCore
import Testing
import WeirCore
import WeirUpstream

/// What an operator learns when checking a rule.
@Suite struct CheckTests {
    @Test func aLoginThatIsTakenPasses() async throws {
        let server = try await RudeServer {
            $0.header("authorization") == someBasic ? Reply(200) : .challenge(#"Basic realm="r""#)
        }
        try await withClient(.reaching(server.url)) { client in
            try await client.check(.at(as: someCredential))
            // Without a login none can be refused.
            try await client.check(.at())
        }
    }

    @Test func aLoginThatIsRefusedIsSaidToBeThat() async throws {
        let server = try await RudeServer { _ in .challenge(#"Basic realm="r""#) }
        try await withClient(.reaching(server.url)) { client in
            let error = await refusal(.denied) { try await client.check(.at(as: someCredential)) }
            #expect(error?.step == .login)
        }
    }

    @Test func theTokenServersRefusalIsSaidToBeThat() async throws {
        let tokens = try await RudeServer { _ in Reply(401) }
        let server = try await RudeServer { _ in .challenge(#"Bearer realm="\#(tokens.url)/token",service="s""#) }
        try await withClient(.reaching(server.url)) { client in
            let error = await refusal(.denied) { try await client.check(.at(as: someCredential)) }
            #expect(error?.step == .login)
            #expect(error?.detail.contains("token server") == true)
        }
    }

    @Test func aTokenThatIsHeldVouchesForNothing() async throws {
        let isGood = Switch(1)
        let server = try await RudeServer { request in
            switch (request.path, request.header("authorization")) {
            case ("/token", _): isGood.now == 1 ? .json(#"{"token":"planted-token"}"#) : Reply(401)
            case (_, "Bearer planted-token"): .json(someManifest)
            default:
                .challenge(#"Bearer realm="http://127.0.0.1:\#(request.header("host")?.split(separator: ":").last ?? "")/token""#)
            }
        }
        try await withClient(.reaching(server.url)) { client in
            _ = try await client.manifest(.latest, in: .at(as: someCredential))
            try await client.check(.at(as: someCredential))
            isGood.now = 0
            let error = await refusal(.denied) { try await client.check(.at(as: someCredential)) }
            #expect(error?.step == .login)
            // A pull goes on with the login it has.
            _ = try await client.manifest(.latest, in: .at(as: someCredential))
        }
    }

    @Test func theStepThatFailsIsNamed() async throws {
        let names = NameResolver { _ throws(NameResolver.Failure) in throw .noSuchHost }
        try await withClient(UpstreamSettings(), names: names) { client in
            #expect(await refusal(.unavailable) { try await client.check(.at("dead.example")) }?.step == .name)
            #expect(await refusal(.guarded) { try await client.check(.at("169.254.169.254")) }?.step == .address)
        }
        let closed = try await RudeServer { _ in .silence }
        let port = closed.port
        await closed.stop()
        try await withClient(.reaching("http://127.0.0.1:\(port)")) { client in
            #expect(await refusal(.unavailable) { try await client.check(.at()) }?.step == .connection)
        }
        let stranger = try await RudeServer(certificate: TestCertificates.good) { _ in Reply(200) }
        try await withClient(.reaching("https://localhost:\(stranger.port)")) { client in
            #expect(await refusal(.unavailable) { try await client.check(.at()) }?.step == .tls)
        }
        let busy = try await RudeServer { _ in Reply(503) }
        try await withClient(.reaching(busy.url)) { client in
            #expect(await refusal(.unavailable) { try await client.check(.at()) }?.step == .request)
        }
    }
}
