import NIOCore
import NIOPosix
import Synchronization
import Testing
import WeirServer

@Suite struct SendSchedulerTests {
    /// A loop, with an executor of its own as connections have it, and its queue.
    private func withLoop(
        _ body: @escaping @Sendable (any EventLoop, EventLoops, SendScheduler) async throws -> Void
    ) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loops = try await EventLoops(group)
        let scheduler = loops[group.next()].scheduler
        try await body(group.next(), loops, scheduler)
        await loops.close()
        try await group.shutdownGracefully()
    }

    /// Counts down, on the loop, to what a task that never has nothing to do waits for.
    private final class Bell: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer
        let hasRung = Atomic(false)

        func channelRead(context: ChannelHandlerContext, data: NIOAny) { hasRung.store(true, ordering: .releasing) }
    }

    @Test(.timeLimit(.minutes(1))) func aBodyThatAlwaysHasMoreToSendLeavesTheLoopItsSockets() async throws {
        try await withLoop { loop, loops, scheduler in
            let bell = Bell()
            let server = try await ServerBootstrap(group: loop).childChannelInitializer { $0.pipeline.addHandler(bell) }
                .bind(host: "127.0.0.1", port: 0).get()
            let address = try #require(server.localAddress)
            let client = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton).connect(to: address).get()
            // Four bodies that end only when the loop has accepted a connection and read from it.
            let bodies = Task(executorPreference: loops[loop].executors.lend().executor) {
                await withDiscardingTaskGroup { group in
                    for _ in 0..<4 {
                        group.addTask { while !bell.hasRung.load(ordering: .acquiring) { await scheduler.nextTurn() } }
                    }
                }
            }
            try await client.writeAndFlush(ByteBuffer(string: "hello"))
            await bodies.value
            try await client.close()
            try await server.close()
        }
    }

    private final class Turns: Sendable {
        let counts = Mutex([Int](repeating: 0, count: 20))
        let begun = Atomic(0)
        /// By how many turns one was ahead of another.
        let lead = Mutex(0)

        func taken(by body: Int) {
            let (most, least) = counts.withLock { counts in
                counts[body] += 1
                return (counts.max() ?? 0, counts.min() ?? 0)
            }
            if most < 100 { lead.withLock { $0 = max($0, most - least) } }
        }
    }

    @Test(.timeLimit(.minutes(1))) func everyBodyHasItsTurn() async throws {
        try await withLoop { loop, loops, scheduler in
            let turn = Turns()
            await withDiscardingTaskGroup { group in
                for body in 0..<20 {
                    group.addTask(executorPreference: loops[loop].executors.lend().executor) {
                        turn.begun.add(1, ordering: .acquiringAndReleasing)
                        while turn.begun.load(ordering: .acquiring) < 20 { await scheduler.nextTurn() }
                        for _ in 0..<100 {
                            turn.taken(by: body)
                            await scheduler.nextTurn()
                        }
                    }
                }
            }
            #expect(turn.counts.withLock { $0 } == [Int](repeating: 100, count: 20))
            #expect(turn.lead.withLock { $0 } <= 2)
        }
    }

    @Test(.timeLimit(.minutes(1))) func nobodyWaitsAfterTheEnd() async throws {
        try await withLoop { _, loops, scheduler in
            await loops.close()
            await scheduler.nextTurn()
        }
    }

    @Test func manyBodiesHoldLittleEach() {
        for count in [1, 8, 32, 100, 300, 1_000] {
            let budget = SendBufferBudget(among: count)
            #expect(budget.most * count <= max(96 << 20, count * (160 << 10)), "\(count)")
            #expect(budget.part.nonzeroBitCount == 1 && budget.part >= 64 << 10 && budget.part <= 512 << 10)
        }
        #expect(SendBufferBudget(among: 1).part == 512 << 10)
        #expect(SendBufferBudget(among: 300).part == 128 << 10)
    }
}
