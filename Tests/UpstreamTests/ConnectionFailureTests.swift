import NIOCore
import NIOPosix
import NIOSSL
import Testing
import WeirCore
import WeirUpstream

/// What commands say of a server that they cannot reach. The cases that need TLS are in `Tests/Clients/test_commands.py`.
@Suite struct ConnectionFailureTests {
    private let clock = WallClock { Timestamp(microseconds: 0) }

    /// The failure of a connection to this port.
    private func failure(host: String, port: Int) async -> ConnectionFailure? {
        do {
            let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton).connect(host: host, port: port)
                .get()
            try await channel.close().get()
            return nil
        } catch {
            return await ConnectionFailure.of(error, at: "http://\(host):\(port)", by: clock)
        }
    }

    @Test("Nobody listens, at one address and at a name with several", arguments: ["127.0.0.1", "localhost"])
    func refused(host: String) async throws {
        let server = try await RudeServer { _ in Reply(200) }
        let port = try #require(Int(server.url.split(separator: ":").last ?? ""))
        await server.stop()
        #expect(await failure(host: host, port: port) == ConnectionFailure(.connection, "connection refused"))
    }

    @Test func aNameThatLeadsNowhereIsNoConnectionThatFailed() async {
        let failure = await failure(host: "no-such-name.invalid", port: 80)
        #expect(failure?.cause == .name)
        // Without a name server the name's absence cannot be confirmed.
        #expect(["no such host", "the name could not be resolved"].contains(failure?.words))
    }

    @Test func whatALibrarySaysStaysInside() async {
        struct Odd: Error, CustomStringConvertible { let description = "at /build/x.swift: errno 5" }
        for error in [Odd() as any Error, NIOSSLError.noSuchFilesystemObject, CancellationError()] {
            let failure = await ConnectionFailure.of(error, at: "https://h", by: clock)
            #expect(!failure.words.contains("/") && !failure.words.contains("errno") && !failure.words.isEmpty)
        }
    }
}
