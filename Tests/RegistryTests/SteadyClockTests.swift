import ConformanceSuites
import Logging
import NIOCore
import Synchronization
import Testing
import WeirApplication
import WeirCore
import WeirRegistry
import WeirStorage
import WeirVault

@Suite struct SteadyClockTests {
    /// A machine whose wall clock can be wrong.
    private final class Machine: Sendable {
        private let state = Mutex(
            (real: Timestamp(seconds: 1_800_000_000), uptime: Duration.seconds(5_000), error: Duration.zero))

        var clocks: MachineClocks {
            MachineClocks(
                wall: { self.state.withLock { $0.real + $0.error } }, uptime: { self.state.withLock { $0.uptime } }, boot: "boot")
        }
        func pass(_ time: Duration) {
            state.withLock {
                $0.real = $0.real + time
                $0.uptime += time
            }
        }
        func jump(_ error: Duration) { state.withLock { $0.error = error } }
    }

    private func clock(_ machine: Machine, _ test: TestRegistry) async throws -> SteadyClock {
        try await SteadyClock(machine.clocks, database: test.database, logger: Logger(label: "test"))
    }

    @Test func aKeyAndASecretOutliveAJump() async throws {
        let (test, machine) = (try await TestRegistry(), Machine())
        let steady = try await clock(machine, test)
        let keys = Keys(database: test.database, keyring: test.application.keys.vault.keyring, clock: steady.clock)
        let secrets = Secrets(database: test.database, keys: keys, clock: steady.clock)
        let key = try await keys.create(NewKey(description: "doomed"), in: test.id)
        try await keys.scheduleDeletion(of: key.id, in: test.id, afterDays: 7)
        _ = try await secrets.create(.init(name: "doomed", value: .text("x")), in: test.id)
        _ = try await secrets.delete("doomed", in: test.id, recovery: .days(7))
        machine.pass(.seconds(60))
        machine.jump(.seconds(40 * 86_400))
        #expect(steady.refusal?.reason == .clockSuspect)
        try await keys.settle()
        try await secrets.settle()
        // In between the key stays as it was: due to be deleted, and not usable.
        #expect(try await keys.resolve(key.id, in: test.id).state == .pendingDeletion)
        await #expect(throws: Refusal.self) { try await secrets.create(.init(name: "doomed", value: .text("y")), in: test.id) }
        machine.jump(.zero)
        try await keys.settle()
        try await secrets.settle()
        #expect(steady.refusal == nil)
        _ = try await keys.cancelDeletion(of: key.id, in: test.id)
        _ = try await secrets.restore("doomed", in: test.id)
        // They end at their own time, or at an operator's word.
        try await keys.scheduleDeletion(of: key.id, in: test.id, afterDays: 7)
        machine.jump(.seconds(40 * 86_400))
        try await steady.accept()
        await #expect(throws: Refusal.self) { _ = try await keys.resolve(key.id, in: test.id) }
    }

    @Test func stampsAreNeverOldAndNeverStayInTheFuture() async throws {
        let (test, machine) = (try await TestRegistry(), Machine())
        let steady = try await clock(machine, test)
        let right = steady.clock.now
        machine.jump(.seconds(-40 * 86_400))
        _ = steady.status
        #expect(steady.clock.now == right && steady.clock.due == right + .seconds(-40 * 86_400))
        machine.jump(.seconds(40 * 86_400))
        #expect(steady.clock.now == right + .seconds(40 * 86_400) && steady.clock.due == right)
        // An upload begun under the wrong clock is not held open for forty days.
        let registry = test.application.rebuilt { _, ports in ports.clock = steady.clock }.registry
        let name = try RepositoryName("team/app")
        _ = try await registry.repositories.create(name, in: test.id, settings: RepositorySettings())
        let upload = try await registry.uploads.begin(in: name, of: test.id, for: test.caller)
        machine.jump(.zero)
        let running = Task { try await steady.run() }
        try await test.eventually {
            try await test.database.read {
                try $0.rows("SELECT 1 FROM upload WHERE touched_at > $1", [.timestamp(right + .seconds(3_700))])
            }.isEmpty
        }
        running.cancel()
        _ = try? await running.value
        machine.pass(.seconds(90_000))
        try await registry.uploads.sweep()
        await #expect(throws: Refusal.self) { _ = try await registry.uploads.status(upload.id, in: name, of: test.id) }
    }

    @Test func aJumpWhileTheServerIsOffIsNoticed() async throws {
        let (test, machine) = (try await TestRegistry(), Machine())
        let first = try await clock(machine, test)
        try await first.accept()  // Writes where the clocks stand, as the run does.
        machine.pass(.seconds(30 * 86_400))
        #expect(try await clock(machine, test).refusal == nil, "a month off is no jump")
        machine.jump(.seconds(7_200))
        #expect(try await clock(machine, test).refusal != nil)
        machine.jump(.seconds(-7_200))
        #expect(try await clock(machine, test).refusal != nil)
    }

    @Test func nothingRunsThatDestroysWhileTheClockIsInDoubt() async throws {
        let test = try await TestRegistry()
        let registry = test.application.rebuilt { _, ports in
            ports.destruction = DestructionPermit { Refusal(.clockSuspect, "the clock") }
        }.registry
        let name = try RepositoryName("team/app")
        _ = try await registry.repositories.create(name, in: test.id, settings: RepositorySettings())
        await #expect(throws: Refusal.self) { _ = try await registry.lifecycle.run(name, in: test.id, .real) }
        await #expect(throws: Refusal.self) { _ = try await registry.maintenance.collector.collect() }
        _ = try await registry.maintenance.collector.collect(Collector.Orders(isDryRun: true))
    }
}
