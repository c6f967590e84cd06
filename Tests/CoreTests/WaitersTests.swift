import Synchronization
import Testing
import WeirCore

@Suite struct WaitersTests {
    /// Gives numbers to those who wait for one.
    private final class Numbers: Sendable {
        private struct State {
            var ready: [Int] = []
            var waiting = Waiters<Int, Int>()
        }

        private let state = Mutex(State())

        var count: Int { state.withLock { $0.waiting.count } }

        func next(wish: Int = 0) async throws(CancellationError) -> Int {
            try await state.wait { state, waiter in
                if let number = state.ready.popLast() { return number }
                state.waiting.append(waiter, wish: wish)
                return nil
            } leave: {
                $0.waiting.remove($1)
            }
        }

        func nextWhatever() async -> Int {
            await state.wait { state, waiter in
                if let number = state.ready.popLast() { return number }
                state.waiting.append(waiter, wish: 0)
                return nil
            }
        }

        /// To the one who waits longest; kept where there is none.
        func give(_ number: Int) {
            let entry = state.withLock { state in
                let entry = state.waiting.popFirst()
                if entry == nil { state.ready.append(number) }
                return entry
            }
            entry?.waiter.resume(returning: number)
        }

        func giveLeast(_ number: Int) {
            state.withLock { $0.waiting.popMin(by: <) }?.waiter.resume(returning: number)
        }

        /// To those whose wish is at most `most`: their wish.
        func answer(upTo most: Int) {
            let answered = state.withLock { $0.waiting.removeAll { $0 <= most ? $0 : nil } }
            for (waiter, wish) in answered { waiter.resume(returning: wish) }
        }

        func giveAll(_ number: Int) {
            let waiting = state.withLock { $0.waiting.removeAll() }
            for waiter in waiting { waiter.resume(returning: number) }
        }

        func untilWaiting(_ count: Int) async { while self.count < count { await Task.yield() } }
    }

    private let numbers = Numbers()

    @Test func whatIsThereIsGivenAtOnce() async throws {
        numbers.give(7)
        #expect(try await numbers.next() == 7)
        numbers.give(8)
        #expect(await numbers.nextWhatever() == 8)
    }

    @Test func theFirstToWaitIsTheFirstToGoOn() async throws {
        var tasks: [Task<Int, any Error>] = []
        for count in 1...200 {
            tasks.append(Task { [numbers] in try await numbers.next() })
            await numbers.untilWaiting(count)
        }
        for number in 0..<200 { numbers.give(number) }
        for (index, task) in tasks.enumerated() { #expect(try await task.value == index) }
    }

    @Test func theLeastWishGoesFirstAndOfEqualsTheEarlier() async throws {
        var tasks: [Task<Int, any Error>] = []
        for (index, wish) in [2, 1, 2, 0, 1].enumerated() {
            tasks.append(Task { [numbers] in try await numbers.next(wish: wish) })
            await numbers.untilWaiting(index + 1)
        }
        for number in 0..<5 { numbers.giveLeast(number) }
        var got: [Int] = []
        for task in tasks { got.append(try await task.value) }
        #expect(got == [3, 1, 4, 0, 2])
    }

    @Test func thoseWithAnAnswerGoOnAndTheOthersWait() async throws {
        let tasks = (0..<6).map { wish in Task { [numbers] in try await numbers.next(wish: wish) } }
        await numbers.untilWaiting(6)
        numbers.answer(upTo: 2)
        #expect(numbers.count == 3)
        for wish in 0...2 { #expect(try await tasks[wish].value == wish) }
        numbers.giveAll(-1)
        for wish in 3...5 { #expect(try await tasks[wish].value == -1) }
        #expect(numbers.count == 0)
    }

    @Test func whoIsCancelledLeavesTheList() async throws {
        let task = Task { [numbers] in try await numbers.next() }
        await numbers.untilWaiting(1)
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(numbers.count == 0)
    }

    @Test func aCancelledTaskDoesNotBeginToWaitAndStillGetsWhatIsThere() async throws {
        numbers.give(1)
        let task = Task { [numbers] in
            while !Task.isCancelled { await Task.yield() }
            let first = try await numbers.next()
            await #expect(throws: CancellationError.self) { try await numbers.next() }
            return first
        }
        task.cancel()
        #expect(try await task.value == 1)
        #expect(numbers.count == 0)
    }

    @Test func aWaitThatCannotBeCancelledGoesOn() async {
        let task = Task { [numbers] in await numbers.nextWhatever() }
        await numbers.untilWaiting(1)
        task.cancel()
        for _ in 0..<100 { await Task.yield() }
        #expect(numbers.count == 1)
        numbers.give(5)
        #expect(await task.value == 5)
    }

    @Test("Where giving and cancelling race, each number is got once or is left", .timeLimit(.minutes(1)))
    func races() async throws {
        final class Got: Sendable { let numbers = Mutex<[Int]>([]) }
        let rounds = 3_000
        let got = Got()
        await withTaskGroup(of: Void.self) { group in
            for round in 0..<rounds {
                let task = Task { [numbers, got] in
                    if let number = try? await numbers.next() { got.numbers.withLock { $0.append(number) } }
                }
                group.addTask { task.cancel() }
                group.addTask { [numbers] in numbers.give(round) }
                group.addTask { await task.value }
            }
        }
        // What was not got in time lies ready, and nothing waits.
        #expect(numbers.count == 0)
        let early = got.numbers.withLock { $0 }
        var rest: [Int] = []
        while early.count + rest.count < rounds { rest.append(await numbers.nextWhatever()) }
        #expect(Set(early + rest) == Set(0..<rounds))
    }
}
