import Synchronization
import Testing
import WeirRegistry

@Suite struct HotCacheTests {
    @Test func aValueIsLoadedOnce() async throws {
        let cache = HotCache<Int, String>(capacity: 10)
        let loads = Mutex(0)
        for _ in 0..<3 {
            let value = try await cache.value(for: 1) {
                loads.withLock { $0 += 1 }
                return "one"
            }
            #expect(value == "one")
        }
        #expect(loads.withLock { $0 } == 1)
    }

    @Test func thatThereIsNoneIsNotRemembered() async throws {
        let cache = HotCache<Int, String>(capacity: 10)
        #expect(try await cache.value(for: 1) { nil } == nil)
        #expect(try await cache.value(for: 1) { "now" } == "now")
    }

    @Test func aReadThatBeganBeforeAChangeCannotPutTheOldValueBack() async throws {
        let cache = HotCache<Int, String>(capacity: 10)
        let read = try await cache.value(for: 1) {
            // The row has been read; now it changes, and the writer calls `forget`.
            cache.forget(1)
            return "old"
        }
        #expect(read == "old")
        #expect(cache.known(1) == nil)
    }

    @Test func aReadAfterTheChangeIsKeptThoughAnOlderOneIsStillUnderWay() async throws {
        let cache = HotCache<Int, String>(capacity: 10)
        _ = try await cache.value(for: 1) {
            cache.forget(1)
            _ = try await cache.value(for: 1) { "new" }
            return "old"
        }
        #expect(cache.known(1) == "new")
    }

    @Test func aChangeOfOneKeyLeavesReadsOfOthersAlone() async throws {
        let cache = HotCache<Int, String>(capacity: 10)
        _ = try await cache.value(for: 1) {
            cache.forget(2)
            return "one"
        }
        #expect(cache.known(1) == "one")
    }

    @Test func aFailedLoadLeavesNothing() async throws {
        struct Failed: Error {}
        let cache = HotCache<Int, String>(capacity: 10)
        await #expect(throws: Failed.self) { try await cache.value(for: 1) { throw Failed() } }
        #expect(try await cache.value(for: 1) { "one" } == "one")
        #expect(cache.known(1) == "one")
    }

    /// Holds a load until the test releases it, and tells when the load has begun.
    private struct Gate {
        let begun = AsyncStream<Void>.makeStream()
        let opened = AsyncStream<Void>.makeStream()

        func pass() async {
            begun.continuation.yield()
            for await _ in opened.stream { return }
        }

        func untilBegun() async { for await _ in begun.stream { return } }
        func open() { opened.continuation.yield() }
    }

    private final class Loads: Sendable { let count = Atomic(0) }

    @Test func aCrowdSharesOneLoad() async throws {
        let cache = HotCache<Int, String>(capacity: 10)
        let loads = Loads()
        try await withThrowingTaskGroup(of: String?.self) { crowd in
            for _ in 0..<100 {
                crowd.addTask {
                    try await cache.value(for: 1) {
                        loads.count.add(1, ordering: .relaxed)
                        try await Task.sleep(for: .milliseconds(100))
                        return "one"
                    }
                }
            }
            for try await value in crowd { #expect(value == "one") }
        }
        // One load, unless the machine starts some callers a tenth of a second later.
        #expect(loads.count.load(ordering: .relaxed) < 50)
    }

    @Test(.timeLimit(.minutes(1))) func nobodyWhoAsksAfterAChangeWaitsForALoadFromBefore() async throws {
        let cache = HotCache<Int, String>(capacity: 10)
        let gate = Gate()
        let first = Task {
            try await cache.value(for: 1) {
                await gate.pass()
                return "old"
            }
        }
        await gate.untilBegun()
        cache.forget(1)
        #expect(try await cache.value(for: 1) { "new" } == "new")
        gate.open()
        #expect(try await first.value == "old")
        #expect(cache.known(1) == "new")
    }

    @Test(.timeLimit(.minutes(1))) func whoWaitsForALoadThatFailsLoadsForItself() async throws {
        struct Failed: Error {}
        let cache = HotCache<Int, String>(capacity: 10)
        let gate = Gate()
        let first = Task {
            try await cache.value(for: 1) {
                await gate.pass()
                throw Failed()
            }
        }
        await gate.untilBegun()
        let second = Task { try await cache.value(for: 1) { "loaded by the second" } }
        gate.open()
        await #expect(throws: Failed.self) { try await first.value }
        #expect(try await second.value == "loaded by the second")
    }

    @Test func theCostIsBoundedAndWhatIsUsedStays() async throws {
        let cache = HotCache<Int, [Int]>(capacity: 100) { $0.count }
        _ = try await cache.value(for: -1) { [1] }
        for key in 0..<500 {
            _ = try await cache.value(for: key) { [Int](repeating: key, count: 7) }
            #expect(cache.known(-1) == [1])
        }
        #expect((0..<500).count { cache.known($0) != nil } * 7 <= 100)
        _ = try await cache.value(for: 1000) { [Int](repeating: 0, count: 60) }
        #expect(cache.known(1000) == nil)
    }
}
