import NIOCore
import Testing

import WeirServer

@Suite struct ClientPatienceTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

    private func patience() -> ClientPatience { ClientPatience(.init(), at: start) }

    @Test func aStrangerWithoutAWordGoesSoonerThanACaller() {
        var stranger = patience()
        #expect(stranger.verdict(at: start + .seconds(29), isAwaited: true) == .look(in: .seconds(1)))
        #expect(stranger.verdict(at: start + .seconds(30), isAwaited: true) == .close(.idle))
        var caller = patience()
        caller.prove()
        #expect(caller.verdict(at: start + .seconds(119), isAwaited: true) == .look(in: .seconds(1)))
        #expect(caller.verdict(at: start + .seconds(120), isAwaited: true) == .close(.idle))
    }

    @Test func nobodyIsClosedWhileItIsOurTurn() {
        var stranger = patience()
        #expect(stranger.verdict(at: start + .hours(2), isAwaited: false) == .look(in: .seconds(10)))
    }

    /// One byte every `interval`, until it is closed.
    private func drip(
        _ patience: inout ClientPatience, declared: Int64?, bytes: Int, every interval: TimeAmount, for time: TimeAmount
    ) -> (TimeAmount, ClientPatience.Reason)? {
        var now = start
        patience.bodyBegins(declared: declared)
        patience.bodyIsAwaited(at: now)
        while now < start + time {
            now = now + interval
            if case .close(let reason) = patience.verdict(at: now, isAwaited: true) { return (now - start, reason) }
            patience.heard(at: now)
            patience.bodyArrived(bytes, at: now)
            patience.bodyIsAwaited(at: now)
        }
        return nil
    }

    @Test func aStrangerWhoDripsIsClosed() {
        var stranger = patience()
        let end = drip(&stranger, declared: 60_000, bytes: 1, every: .seconds(1), for: .hours(1))
        #expect(end?.0 == .seconds(30) && end?.1 == .slow)
    }

    @Test func aCallerWhoDripsIsClosedToo() {
        var caller = patience()
        caller.prove()
        let end = drip(&caller, declared: 10_000_000, bytes: 1, every: .seconds(1), for: .hours(1))
        #expect(end.map { $0.0 <= .seconds(120) && $0.1 == .slow } == true)
    }

    @Test("Lines that an upload can succeed on", arguments: [400, 5_000, 1_000_000])
    func honest(rate: Int) {
        var caller = patience()
        caller.prove()
        #expect(drip(&caller, declared: nil, bytes: rate * 10, every: .seconds(10), for: .hours(5)) == nil)
    }

    @Test func aLongCallOfAStrangerHasTheTimeThatItNeeds() {
        var stranger = patience()
        // 28 MiB at 300 KiB a second.
        let size: Int64 = 28 << 20
        #expect(drip(&stranger, declared: size, bytes: 300 << 10, every: .seconds(1), for: .seconds(96)) == nil)
        var liar = patience()
        let end = drip(&liar, declared: .max, bytes: 1_000, every: .seconds(1), for: .hours(10))
        #expect(end.map { $0.0 < .seconds(300) } == true)
    }

    @Test func waitingForUsIsNotTheClientsTime() {
        var stranger = patience()
        stranger.bodyBegins(declared: 1_000_000)
        // A minute passes before anybody wants it.
        stranger.heard(at: start + .seconds(60))
        stranger.bodyIsAwaited(at: start + .seconds(60))
        #expect(stranger.verdict(at: start + .seconds(80), isAwaited: true) == .look(in: .seconds(10)))
    }
}

@Suite struct ConnectionRoomTests {
    private final class Thing {}

    private let things = (0..<200).map { _ in Thing() }
    private func id(_ number: Int) -> ObjectIdentifier { ObjectIdentifier(things[number]) }
    private let flood = ClientGroup(text: "10.0.0.1")
    private let other = ClientGroup(text: "10.0.0.2")

    @Test func whoHasMostGivesWay() {
        var room = ConnectionRoom()
        room.add(id(0), of: other)
        for number in 1..<100 { room.add(id(number), of: flood) }
        room.add(id(100), of: other)
        #expect(room.strangersToClose(5) == (1...5).map(id), "the oldest of the flood")
        #expect(room.strangersToClose(2) == [id(6), id(7)], "nobody is named twice")
        for number in 1...99 { room.remove(id(number)) }
        #expect(room.count == 2 && room.count(of: flood) == 0)
        #expect(room.strangersToClose(5) == [id(0)], "half of what a client has, at most")
    }

    @Test func aNewcomerIsSparedWhereOthersAreIdle() {
        var room = ConnectionRoom()
        for number in 0..<10 { room.add(id(number), of: flood) }
        for number in 0..<9 { room.prove(id(number)) }
        #expect(room.strangersToClose(1, sparing: 2).isEmpty)
        for number in 10..<12 { room.add(id(number), of: flood) }
        #expect(room.strangersToClose(1, sparing: 2) == [id(9)], "three are more than two")
    }

    @Test func callersAreNoStrangers() {
        var room = ConnectionRoom()
        for number in 0..<10 { room.add(id(number), of: flood) }
        for number in 0..<10 where number != 7 { room.prove(id(number)) }
        #expect(room.strangersToClose(100) == [id(7)])
        room.remove(id(7))
        let none = room.strangersToClose(100)
        #expect(none.isEmpty)
        #expect(room.callersToAsk(4) == (0..<4).map(id))
        #expect(room.callersToAsk(4) == (4..<7).map(id) + [id(8)], "those that were asked stand behind")
    }

    @Test func aLongLifeLeavesNothingBehind() {
        var room = ConnectionRoom()
        room.add(id(0), of: flood)
        for _ in 0..<100 {
            for number in 1..<150 { room.add(id(number), of: flood) }
            for number in stride(from: 1, to: 150, by: 2) { room.prove(id(number)) }
            for number in 1..<150 { room.remove(id(number)) }
        }
        #expect(room.count == 1 && room.count(of: flood) == 1)
        #expect(room.strangersToClose(3) == [id(0)])
    }
}

@Suite struct BodyRoomTests {
    private let flood = ClientGroup(text: "10.0.0.1")
    private let other = ClientGroup(text: "10.0.0.2")
    private let third = ClientGroup(text: "10.0.0.3")

    @Test func oneClientNeverHasAllOfIt() {
        var room = BodyRoom(total: 128, kept: 32)
        for id in 0..<3 { #expect(room.ask(31, of: flood, as: UInt64(id)) == .granted) }
        #expect(room.ask(31, of: flood, as: 3) == .waits)
        #expect(room.ask(31, of: other, as: 4) == .granted, "the last of the room is for those who have none")
        #expect(room.ask(31, of: third, as: 5) == .waits)
        #expect(room.give(31, of: flood) == [5], "and before whoever has some already")
        #expect(room.used == 4 * 31)
        #expect(room.give(31, of: other) == [])
        #expect(room.give(31, of: third) == [3])
    }

    @Test func theQueueIsBoundedForEachClient() {
        var room = BodyRoom(total: 64, kept: 32)
        #expect(room.ask(33, of: flood, as: 0) == .refused, "no body is longer than what is kept")
        _ = room.ask(32, of: flood, as: 1)
        for id in 0..<BodyRoom.mostWaitingOfOne { #expect(room.ask(1, of: flood, as: UInt64(10 + id)) == .waits) }
        #expect(room.ask(1, of: flood, as: 99) == .refused)
        #expect(room.ask(32, of: other, as: 100) == .granted)
        #expect(room.ask(1, of: third, as: 101) == .waits)
    }

    @Test func whoGivesUpIsForgotten() {
        var room = BodyRoom(total: 64, kept: 32)
        _ = room.ask(32, of: flood, as: 1)
        _ = room.ask(20, of: flood, as: 2)
        #expect(room.forget(2) == .refused)
        let nobody = room.give(32, of: flood)
        #expect(nobody.isEmpty && room.used == 0)
        _ = room.ask(32, of: flood, as: 3)
        _ = room.ask(20, of: flood, as: 4)
        let granted = room.give(32, of: flood)
        #expect(granted == [4] && room.isGranted(4))
        let outcome = room.forget(4)
        #expect(outcome == .granted)
    }
}

@Suite struct BodyBudgetTests {
    @Test(.timeLimit(.minutes(1))) func whoWaitsTooLongIsRefusedAndTheRestGoesOn() async throws {
        let budget = BodyBudget(total: 200_000, kept: 100_000, patience: .milliseconds(50))
        let client = ClientGroup(text: "10.0.0.1")
        try await budget.withRoom(for: 100_000, of: client) {
            await #expect(throws: (any Error).self) { try await budget.withRoom(for: 100_000, of: client) {} }
            // Short ones need no room.
            try await budget.withRoom(for: BodyBudget.free, of: client) {}
        }
        let patient = BodyBudget(total: 200_000, kept: 100_000, patience: .seconds(50))
        for _ in 0..<100 {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<8 { group.addTask { try await patient.withRoom(for: 90_000, of: client) { await Task.yield() } } }
                try await group.waitForAll()
            }
        }
    }
}
