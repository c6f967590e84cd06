import Testing
import WeirCore

@Suite struct ClockGuardTests {
    private static let start = Timestamp(seconds: 1_800_000_000)
    private static let hour = Duration.seconds(3_600)
    private static let day = Duration.seconds(86_400)

    /// A machine with two clocks, and a guard that reads them.
    private struct Machine {
        var uptime = Duration.seconds(5_000)
        var error = Duration.zero
        var boot = "one"
        var guarded: ClockGuard
        var real = ClockGuardTests.start

        init() { guarded = ClockGuard(wall: ClockGuardTests.start, uptime: .seconds(5_000), boot: "one", last: nil) }

        var wall: Timestamp { real + error }

        mutating func pass(_ time: Duration) -> ClockGuard.Reading {
            real = real + time
            uptime += time
            return guarded.observe(wall: wall, uptime: uptime)
        }

        mutating func look() -> ClockGuard.Reading { pass(.zero) }

        /// Stops the program, and perhaps the machine. Then the program starts again, and the guard reads the clocks.
        mutating func restart(after time: Duration, newBoot: Bool) -> ClockGuard.Reading {
            let last = look()
            let record = ClockGuard.Record(trusted: last.trusted, uptime: uptime, boot: boot, wasAhead: false)
            real = real + time
            uptime = newBoot ? .seconds(30) : uptime + time
            if newBoot { boot += "+" }
            guarded = ClockGuard(wall: wall, uptime: uptime, boot: boot, last: record)
            return look()
        }
    }

    @Test("A clock that is right is believed, whatever passes", arguments: [1, 60, 3_600, 86_400 * 400])
    func steady(seconds: Int) {
        var machine = Machine()
        let reading = machine.pass(.seconds(seconds))
        #expect(reading.state == .steady && reading.now == machine.real && reading.due == machine.real)
    }

    @Test("A step of less than an hour is everyday life", arguments: [-3_599, -1, 1, 3_599])
    func small(step: Int) {
        var machine = Machine()
        machine.error = .seconds(step)
        let reading = machine.pass(.seconds(10))
        #expect(reading.state == .steady && reading.due == machine.wall)
    }

    @Test("A jump destroys nothing and makes nothing old", arguments: [3_700, 86_400 * 40, 86_400 * 365 * 300, 1 << 35])
    func jumps(seconds: Int) {
        for sign in [1, -1] {
            var machine = Machine()
            _ = machine.pass(.seconds(100))
            machine.error = .seconds(seconds * sign)
            let reading = machine.pass(.seconds(12))
            #expect(reading.state != .steady)
            #expect(reading.due <= machine.real && reading.now >= machine.real)
            machine.error = .zero
            #expect(machine.pass(.seconds(1)).state == .steady)
            #expect(machine.look().due == machine.real)
        }
    }

    @Test func aDifferenceThatStaysForADayIsBelieved() {
        var machine = Machine()
        machine.error = Self.day * 40
        #expect(machine.look().state == .ahead(Self.day * 40))
        #expect(machine.guarded.patienceLeft(uptime: machine.uptime) == Self.day)
        for _ in 0..<23 { #expect(machine.pass(Self.hour).state != .steady) }
        #expect(machine.guarded.patienceLeft(uptime: machine.uptime) == Self.hour)
        #expect(machine.pass(Self.hour).state == .steady)
        #expect(machine.look().due == machine.wall)
    }

    @Test func anotherJumpBeginsTheDayAnew() {
        var machine = Machine()
        machine.error = Self.day * 40
        _ = machine.look()
        for _ in 0..<23 { _ = machine.pass(Self.hour) }
        machine.error = Self.day * 80
        for _ in 0..<24 { #expect(machine.pass(.seconds(3_590)).state != .steady) }
    }

    @Test func smallStepsDoNotAddUpUnseen() {
        var machine = Machine()
        for _ in 0..<10 {
            machine.error += .seconds(1_200)
            _ = machine.pass(.seconds(60))
        }
        #expect(machine.look().state == .ahead(.seconds(12_000)))
    }

    @Test func somebodysWordIsEnough() {
        var machine = Machine()
        machine.error = .zero - Self.day * 3_000
        #expect(machine.look().state == .behind(Self.day * 3_000))
        machine.guarded.accept(wall: machine.wall, uptime: machine.uptime)
        #expect(machine.look().state == .steady && machine.look().due == machine.wall)
    }

    @Test("A server that was off", arguments: [Duration.seconds(10), .seconds(80_000), .seconds(86_400 * 30)])
    func off(time: Duration) {
        var machine = Machine()
        #expect(machine.restart(after: time, newBoot: false).state == .steady, "the machine knows how long")
        let reading = machine.restart(after: time, newBoot: true)
        // The machine may have been off for long, or its clock may be wrong: the guard cannot tell.
        #expect((reading.state == .steady) == (time <= Self.day))
        #expect(reading.due <= machine.real && reading.now == machine.real)
        for _ in 0..<24 { _ = machine.pass(Self.hour) }
        #expect(machine.look().state == .steady)
    }

    @Test("A clock that jumps while the server is off", arguments: [true, false])
    func jumpsWhileOff(newBoot: Bool) {
        for days in [-40, 40] {
            var machine = Machine()
            _ = machine.pass(Self.hour)
            machine.error = Self.day * days
            let reading = machine.restart(after: .seconds(60), newBoot: newBoot)
            #expect(reading.state != .steady && reading.due <= machine.real)
            // And again: the doubt survives a restart.
            #expect(machine.restart(after: .seconds(60), newBoot: newBoot).state != .steady)
            machine.error = .zero
            #expect(machine.restart(after: .seconds(60), newBoot: newBoot).state == .steady)
        }
    }

    @Test("A clock may show anything", arguments: [Int64.min, -1, 0, 1, .max - 1, .max])
    func anything(microseconds: Int64) {
        let wall = Timestamp(microseconds: microseconds)
        var guarded = ClockGuard(
            wall: wall, uptime: .seconds(1), boot: "x",
            last: .init(trusted: Timestamp(microseconds: .max), uptime: .seconds(9), boot: "y", wasAhead: true))
        _ = guarded.observe(wall: Timestamp(microseconds: .min), uptime: .seconds(2))
        _ = guarded.observe(wall: Timestamp(microseconds: .max), uptime: .seconds(3))
        guarded.accept(wall: wall, uptime: .seconds(4))
        #expect(guarded.observe(wall: wall, uptime: .seconds(5)).state == .steady)
    }
}
