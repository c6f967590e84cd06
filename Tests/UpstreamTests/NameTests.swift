import NIOConcurrencyHelpers
import Synchronization
import Testing
import WeirCore
import WeirUpstream

/// Which lookups wait for which name servers.
@Suite struct NameTests {
    private static let address = IPAddress.v4(0x0808_0808)

    /// A system whose lookups of names with "tarpit" hang until the test releases them.
    private final class System: Sendable {
        private let gate = ConditionLock(value: 0)
        let asked = Mutex<[String]>([])

        func look(_ name: String) -> [IPAddress] {
            asked.withLock { $0.append(name) }
            if name.contains("tarpit") {
                gate.lock(whenValue: 1)
                gate.unlock()
            }
            return [NameTests.address]
        }

        func count(_ part: String) -> Int { asked.withLock { $0.count { $0.contains(part) } } }

        func release() {
            gate.lock()
            gate.unlock(withValue: 1)
        }
    }

    private func resolver(_ system: System, patience: Duration = .seconds(30)) -> NameResolver {
        NameResolver(patience: patience) { name throws(NameResolver.Failure) in system.look(name) }
    }

    @Test func aRegistryThatLeadsToSilentNamesHoldsUpNobodyElse() async throws {
        let system = System()
        let names = resolver(system)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<20 {
                group.addTask { _ = try await names.addresses(of: "\(number).tarpit.example", for: "evil.example") }
            }
            let areHanging = try await eventually { system.count("tarpit") == 2 && names.waiting == 18 }
            #expect(areHanging)
            for host in ["a.example", "b.example", "c.example"] {
                #expect(try await names.addresses(of: "cdn.\(host)", for: host) == [Self.address])
            }
            #expect(system.count("tarpit") == 2)
            system.release()
            try await group.waitForAll()
        }
        #expect(system.count("tarpit") == 20)
        await names.shutdown()
    }

    /// A pool that is started after its shutdown ends the process.
    @Test func lookupsThatComeWithTheShutdownEndWithIt() async throws {
        for _ in 0..<50 {
            let system = System()
            let names = resolver(system)
            await withTaskGroup(of: Void.self) { group in
                for number in 0..<12 {
                    group.addTask { _ = try? await names.addresses(of: "\(number).example", for: "host\(number)") }
                }
                group.addTask { await names.shutdown() }
            }
            #expect(names.waiting == 0)
        }
    }

    @Test func equalQuestionsAreAskedOnce() async throws {
        let system = System()
        let names = resolver(system)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<30 {
                group.addTask { _ = try await names.addresses(of: "tarpit.example", for: "host\(number % 3)") }
            }
            let isAsked = try await eventually { system.count("tarpit") == 1 }
            #expect(isAsked)
            system.release()
            try await group.waitForAll()
        }
        _ = try await names.addresses(of: "tarpit.example", for: "another")
        #expect(system.count("tarpit") == 1)
        await names.shutdown()
    }

    @Test func whoSharesANameDoesNotWaitForAnothersTurn() async throws {
        let system = System()
        let names = resolver(system)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<2 {
                group.addTask { _ = try await names.addresses(of: "\(number).tarpit.example", for: "evil.example") }
            }
            let areHanging = try await eventually { system.count("tarpit") == 2 }
            #expect(areHanging)
            // It waits behind its asker's own two, until another asker wants the same name.
            group.addTask { _ = try await names.addresses(of: "cdn.example", for: "evil.example") }
            let isWaiting = try await eventually { names.waiting == 1 }
            #expect(isWaiting)
            #expect(try await names.addresses(of: "cdn.example", for: "good.example") == [Self.address])
            system.release()
            try await group.waitForAll()
        }
        await names.shutdown()
    }

    @Test func nobodyWaitsForEver() async throws {
        let system = System()
        let names = resolver(system, patience: .milliseconds(50))
        await #expect(throws: NameResolver.Failure.tooSlow) {
            try await names.addresses(of: "tarpit.example", for: "evil.example")
        }
        let waiter = Task { try await names.addresses(of: "2.tarpit.example", for: "b.example") }
        waiter.cancel()
        await #expect(throws: NameResolver.Failure.self) { try await waiter.value }
        system.release()
        await names.shutdown()
    }

    @Test func oneAskersNamesAreBounded() async throws {
        let system = System()
        let names = resolver(system, patience: .milliseconds(200))
        await withTaskGroup(of: NameResolver.Failure?.self) { group in
            for number in 0..<200 {
                group.addTask {
                    do throws(NameResolver.Failure) {
                        _ = try await names.addresses(of: "\(number).tarpit.example", for: "evil.example")
                        return nil
                    } catch {
                        return error
                    }
                }
            }
            var refused = 0
            for await failure in group where failure == .tooMany { refused += 1 }
            #expect(refused >= 200 - 2 - 32)
        }
        system.release()
        await names.shutdown()
    }
}
