import Testing
import WeirCommands
import WeirCore

/// Random texts of few characters, so that they come near to what each reader reads. Nothing may trap, and nothing is believed.
@Suite struct CredentialNonsenseTests {
    /// The same each time.
    private struct Generator: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ (state >> 33)
        }
    }

    private static func texts(_ pieces: [String], seed: UInt64) -> [String] {
        var generator = Generator(state: seed)
        return (0..<2_000).map { _ in
            (0..<Int.random(in: 0...30, using: &generator)).map { _ in pieces.randomElement(using: &generator) ?? "" }.joined()
        }
    }

    @Test func configurationsOfTheKubelet() throws {
        let hosts = try RegistryHosts(file: nil, ["WEIR_HOSTS": "registry.example"]) { _ throws(CommandProblem) in nil }
        let pieces = [
            "providers:", "matchImages:", "name: ", "- ", "-", "\n", "\n  ", "\n    ", "\t", " ", "\"", "'", "[", "]", "{}", ",",
            "#", ":",
            "args: [credential-provider]", "tokenAttributes:", "registry.example", "*", "|", "\\", "é", "\r\n", "---", "true",
            "9", "null",
        ]
        for text in Self.texts(pieces, seed: 12) {
            #expect(KubeletLint(hosts: hosts).findings(in: Array(text.utf8)).contains { $0.isFatal }, "\(text)")
        }
    }

    @Test func profiles() {
        let pieces = [
            "[", "]", "[default]", "[profile a]", "[profile b]", "=", "\n", " ", "#", ";", "\"",
            "role_arn = arn:aws:iam::1:role/x\n",
            "source_profile = a\n", "source_profile = b\n", "aws_access_key_id = AKIA\n", "credential_process",
            "duration_seconds = 9\n", "é",
        ]
        for text in Self.texts(pieces, seed: 13) {
            for profile in ["default", "a"] {
                let places = CredentialPlaces(environment: ["HOME": "/h", "AWS_PROFILE": profile])
                let found = try? places.find { _ throws(CommandProblem) in Array(text.utf8) }
                // There is no secret in any of them.
                if case .keys? = found?.source { Issue.record("\(text)") }
            }
        }
    }

    @Test func hostsAndRequests() async {
        let server = FakeServer()
        let pieces = [
            "registry", ".", "example", ":", "5050", "/", "@", "https://", "\n", "\r", "\u{0}", " ", "R", "é", "%", "[", "]",
            "\\", "..", "*",
        ]
        let machine = FakeMachine()
        for text in Self.texts(pieces, seed: 14) where !["registry.example", "registry.example:5050"].contains(text) {
            let answer = await machine.help("get", text, server)
            // Only a URL of the host itself, or a line's end behind it, means the host.
            if answer.isSuccess {
                #expect(text.contains("registry.example") && !text.contains("@") && !text.contains("\u{0}"), "\(text)")
            }
            let request: JSONValue = [
                "kind": "CredentialProviderRequest", "apiVersion": "credentialprovider.kubelet.k8s.io/v1", "image": .string(text),
            ]
            let provided = await machine.provide(request, server)
            let isOurs = text.hasPrefix("registry.example/") || text.hasPrefix("registry.example:5050/")
            #expect(text.isEmpty || provided.isSuccess && provided.output.contains("AWS") == isOurs, "\(text)")
            _ = await machine.provide(Array(text.utf8), server)
        }
    }
}
