import NIOCore
import Testing
import WeirCore
import WeirRegistry
import WeirWeb

/// Clients without a login, where the settings let them in.
@Suite struct AnonymousPullTests {
    private static let open =
        #"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer","ecr:ListImages"]}}"#

    private func house(isOpen: Bool) async throws -> (TestHouse, String) {
        let house = try await TestHouse(anonymousPulls: isOpen)
        for name in ["open", "closed"] {
            try await house.repository(name)
            _ = try await house.pushImage(ByteBuffer(string: "layer"), to: name, tag: "1")
        }
        _ = try await house.registry.repositories.setPolicy(
            Self.open, of: RepositoryName("open"), in: house.id, by: .root(of: house.id.account), lockout: .accepted)
        return (house, "\(Digest(of: ByteBuffer(string: "layer").readableBytesView))")
    }

    @Test func whatAPolicyOpensToAllIsReadWithoutALogin() async throws {
        let (house, layer) = try await house(isOpen: true)
        func ask(_ path: String, _ method: String = "GET", _ headers: [String: String] = [:]) async throws -> TestHouse.Answer {
            try await house.send(method, path, headers, signedIn: false)
        }
        #expect(try await ask("/v2/open/manifests/1").status == 200)
        #expect(try await ask("/v2/open/manifests/1", "HEAD").status == 200)
        #expect(try await ask("/v2/open/manifests/1", "GET", ["Authorization": "Basic Og=="]).status == 200)
        #expect(try await ask("/v2/open/blobs/\(layer)").text == "layer")
        #expect(try await ask("/v2/open/tags/list").status == 200)
        // Clients ask here whether they must sign in.
        for path in [
            "/v2/", "/v2", "/v2/closed/manifests/1", "/v2/none/manifests/1", "/v2/_catalog", "/v2/open/referrers/\(layer)x",
        ] {
            let answer = try await ask(path)
            #expect(answer.status == 401 || path.contains("referrers"), "\(path)")
            if answer.status == 401 { #expect(answer["WWW-Authenticate"]?.hasPrefix("Basic realm=") == true, "\(path)") }
        }
        for (method, path) in [
            ("PUT", "/v2/open/manifests/2"), ("DELETE", "/v2/open/manifests/1"), ("POST", "/v2/open/blobs/uploads/"),
        ] {
            #expect(try await ask(path, method).status == 401, "\(method)")
        }
        #expect(try await ask("/v2/open/manifests/1", "GET", ["Authorization": "Basic QVdTOng="]).status == 401)
    }

    @Test func withoutTheSettingAllMustSignIn() async throws {
        let (house, layer) = try await house(isOpen: false)
        for path in ["/v2/open/manifests/1", "/v2/open/blobs/\(layer)", "/v2/open/tags/list"] {
            #expect(try await house.send("GET", path, signedIn: false).status == 401)
        }
    }
}
