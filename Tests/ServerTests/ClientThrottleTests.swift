import NIOCore
import NIOPosix
import Synchronization
import Testing

import WeirServer

private let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
private let here = ClientGroup(text: "192.0.2.1")
private let there = ClientGroup(text: "192.0.2.2")

@Suite struct LoopTimeBucketTests {
    /// A sixth of six loops: a second for a second.
    private let rules = LoopTimeBucket.Rules(loops: 6)

    @Test func whoAskedForNothingMayBeginAtOnce() {
        var bucket = LoopTimeBucket(rules, at: start)
        #expect(bucket.wait(at: start) == .zero)
        bucket.charge(.milliseconds(200), at: start)
        #expect(bucket.wait(at: start) == .zero)
    }

    @Test func whatIsOwedIsWaitedFor() {
        var bucket = LoopTimeBucket(rules, at: start)
        bucket.charge(.milliseconds(500), at: start)
        #expect(bucket.wait(at: start) > .milliseconds(299) && bucket.wait(at: start) < .milliseconds(301))
        #expect(bucket.wait(at: start + .milliseconds(301)) == .zero)
    }

    @Test func nobodyOwesForLong() {
        var bucket = LoopTimeBucket(rules, at: start)
        for _ in 0..<1000 { bucket.charge(.hours(1), at: start) }
        #expect(bucket.wait(at: start) <= .milliseconds(501))
    }

    @Test func whatWasNotUsedIsGivenBackUpToTheBurst() {
        var bucket = LoopTimeBucket(rules, at: start)
        bucket.charge(.milliseconds(300), at: start)
        bucket.settle(.milliseconds(100), charged: .milliseconds(300), at: start)
        #expect(bucket.wait(at: start) == .zero)
        bucket.charge(.hours(-1), at: start)
        bucket.charge(.milliseconds(201), at: start)
        #expect(bucket.wait(at: start) > .zero)
    }

    @Test func whatARequestCostsIsLearnt() {
        var bucket = LoopTimeBucket(rules, at: start)
        for _ in 0..<50 { bucket.settle(.milliseconds(40), charged: bucket.usualCost, at: start) }
        #expect(bucket.usualCost > .milliseconds(39) && bucket.usualCost <= .milliseconds(40))
    }

    @Test func aClockThatJumpsOrStandsDoesNoHarm() {
        var bucket = LoopTimeBucket(rules, at: start)
        bucket.charge(.seconds(1), at: start)
        #expect(bucket.wait(at: .uptimeNanoseconds(0)) > .zero)
        #expect(bucket.wait(at: .distantFuture) == .zero)
    }
}

@Suite struct ServedClientsTests {
    @Test func nobodyIsInTheWayOfThemselves() {
        let served = ServedClients()
        #expect(!served.isAnotherServed(than: here, at: start))
        served.record(here, at: start)
        #expect(!served.isAnotherServed(than: here, at: start))
        #expect(served.isAnotherServed(than: there, at: start))
    }

    @Test func twoAtATimeAreInEachOthersWay() {
        let served = ServedClients()
        for step in 0..<10 { served.record(step.isMultiple(of: 2) ? here : there, at: start + .milliseconds(Int64(step))) }
        #expect(served.isAnotherServed(than: here, at: start + .milliseconds(500)))
        #expect(served.isAnotherServed(than: there, at: start + .milliseconds(500)))
    }

    @Test func aSecondLaterItIsForgotten() {
        let served = ServedClients()
        served.record(there, at: start)
        #expect(served.isAnotherServed(than: here, at: start + .milliseconds(999)))
        #expect(!served.isAnotherServed(than: here, at: start + .seconds(1)))
    }
}

@Suite struct ClientThrottleTests {
    private let loop = MultiThreadedEventLoopGroup.singleton.any()

    private func throttle(of client: ClientGroup, _ served: ServedClients) -> ClientThrottle {
        ClientThrottle(client, rules: LoopTimeBucket.Rules(loops: 1), served: served)
    }

    @Test func nothingWaitsWhileNobodyElseIsServed() {
        let served = ServedClients()
        let throttle = throttle(of: here, served)
        served.record(here, at: .now())
        for _ in 0..<1000 {
            let mayBegin = throttle.mayBegin(costing: .seconds(1), at: .now(), on: loop) {
                Issue.record("called though it may begin")
            }
            #expect(mayBegin)
        }
    }

    @Test(.timeLimit(.minutes(1))) func whatIsOverTheShareHasItsTurnInOrder() async {
        let served = ServedClients()
        let throttle = throttle(of: here, served)
        let order = Mutex<[Int]>([])
        served.record(there, at: .now())
        throttle.charge(.milliseconds(230))
        await withCheckedContinuation { continuation in
            for number in 0..<3 {
                let mayBegin = throttle.mayBegin(costing: .milliseconds(1), at: .now(), on: loop) {
                    order.withLock { $0.append(number) }
                    if number == 2 { continuation.resume() }
                }
                #expect(!mayBegin)
            }
            #expect(throttle.waiting == 3)
        }
        #expect(order.withLock { $0 } == [0, 1, 2])
        #expect(throttle.waiting == 0)
    }

    @Test(.timeLimit(.minutes(1))) func allGoOnWhenTheOthersHaveGone() async {
        let served = ServedClients()
        let throttle = throttle(of: here, served)
        let count = Mutex(0)
        served.record(there, at: .now())
        throttle.charge(.seconds(10))
        await withCheckedContinuation { continuation in
            for _ in 0..<200 {
                // A minute and more, if each had to wait for its turn.
                let mayBegin = throttle.mayBegin(costing: .milliseconds(500), at: .now(), on: loop) {
                    let isLast = count.withLock { count in
                        count += 1
                        return count == 200
                    }
                    if isLast { continuation.resume() }
                }
                #expect(!mayBegin)
            }
        }
    }

    @Test("As people write it", arguments: [("192.0.2.1", "192.0.2.1"), ("2001:db8:1:2:3::4", "2001:db8:1:2::/64")])
    func named(address: String, text: String) { #expect("\(ClientGroup(text: address))" == text) }
}

@Suite struct MeteredExecutorTests {
    @Test(.timeLimit(.minutes(1))) func whatAJobTakesIsCountedAndWaitingIsNot() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let lease = ExecutorPool(group.any()).lend()
        let executor = lease.executor
        let (busy, waited) = await Task(executorPreference: executor) {
            executor.begin()
            spin(for: .milliseconds(20))
            await Task.yield()
            spin(for: .milliseconds(20))
            let busy = executor.end()
            executor.begin()
            try? await Task.sleep(for: .milliseconds(300))
            return (busy, executor.end())
        }.value
        #expect(busy >= .milliseconds(40))
        #expect(waited < .milliseconds(300))
        try await group.shutdownGracefully()
    }

    @Test(.timeLimit(.minutes(1))) func theBytesOfLayersCostNothing() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let lease = ExecutorPool(group.any()).lend()
        let executor = lease.executor
        let cost = await Task(executorPreference: executor) {
            executor.begin()
            spin(for: .milliseconds(1))
            executor.forgive(1 << 40)
            return executor.end()
        }.value
        #expect(cost == .zero)
        try await group.shutdownGracefully()
    }

    @Test func executorsAreLentAgain() {
        let pool = ExecutorPool(MultiThreadedEventLoopGroup.singleton.any())
        var first: ExecutorLease? = pool.lend()
        let second = pool.lend()
        let executor = first?.executor
        #expect(executor !== second.executor)
        first = nil
        let third = pool.lend()
        #expect(third.executor === executor)
    }
}

private func spin(for time: TimeAmount) {
    let end = NIODeadline.now() + time
    while NIODeadline.now() < end {}
}
