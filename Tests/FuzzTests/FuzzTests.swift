import Fuzz
import Testing

/// A short part of `make fuzz`, the same each time. Each target has its own process: a parser that traps ends only that, and its
/// test reports it.
@Suite struct FuzzTests {
    /// `make test` is built for release.
    #if DEBUG
        private static let executions = 300
    #else
        private static let executions = 8_000
    #endif

    @Test(arguments: [
        "digest", "name", "glob", "trace", "moment", "hex", "manifest", "policy", "lifecycle", "json", "signature", "path",
        "range",
        "chunk", "host", "signed-moment", "content-range", "retry-after", "quota", "challenge", "url", "address", "sealed-file",
        "sealed-value",
        "sealed-sizes", "password", "web-token", "key-set", "issuer",
    ])
    func endsWell(name: String) async {
        await #expect(processExitsWith: .success) { [name] in
            guard let target = try await FuzzTarget.all().first(where: { $0.name == name }) else {
                fatalError("no target \(name)")
            }
            var fuzzer = Fuzzer(target, seed: 20_261_130)
            for _ in 0..<Self.executions { _ = fuzzer.step() }
        }
    }

    @Test func namesEveryTarget() async throws {
        #expect(try await FuzzTarget.all().count == 29)
    }
}
