import Testing
import WeirUpstream

@Suite struct CircuitTests {
    private static let start = ContinuousClock.now
    private let rules = Circuit.Rules(slow: .seconds(1), tolerated: 3, firstWait: .seconds(2), longestWait: .seconds(5))

    private func at(_ seconds: Int) -> ContinuousClock.Instant { Self.start + .seconds(seconds) }

    @Test func oneTimeoutOpensIt() {
        var circuit = Circuit(rules)
        #expect(circuit.admit(at: at(0)) == .pass)
        circuit.failed(after: .seconds(10), at: at(0))
        #expect(circuit.admit(at: at(1)) == .refuse(for: .seconds(1)))
    }

    @Test func quickFailuresOpenItOnlyInARow() {
        var circuit = Circuit(rules)
        for _ in 0..<2 { circuit.failed(after: .zero, at: at(0)) }
        circuit.succeeded()
        for _ in 0..<2 { circuit.failed(after: .zero, at: at(0)) }
        #expect(circuit.admit(at: at(0)) == .pass)
        circuit.failed(after: .zero, at: at(0))
        #expect(circuit.admit(at: at(0)) == .refuse(for: .seconds(2)))
    }

    @Test func oneProbeAtATimeFindsOut() {
        var circuit = Circuit(rules)
        circuit.failed(after: .seconds(1), at: at(0))
        #expect(circuit.admit(at: at(2)) == .probe)
        #expect(circuit.admit(at: at(2)) == .wait)
        circuit.probed(alive: true, at: at(3))
        #expect(circuit.admit(at: at(3)) == .pass)
    }

    @Test func itWaitsLongerEachTimeUpToABound() {
        var circuit = Circuit(rules)
        circuit.failed(after: .seconds(1), at: at(0))
        var now = 0
        for wait in [2, 4, 5, 5] {
            #expect(circuit.admit(at: at(now)) == .refuse(for: .seconds(wait)))
            now += wait
            #expect(circuit.admit(at: at(now)) == .probe)
            circuit.probed(alive: false, at: at(now))
        }
    }

    @Test func whatIsOnTrialOpensAtTheFirstFailureAndIsFreeAfterASuccess() {
        var circuit = Circuit(rules)
        circuit.failed(after: .seconds(1), at: at(0))
        _ = circuit.admit(at: at(2))
        circuit.probed(alive: true, at: at(2))
        circuit.failed(after: .zero, at: at(2))
        #expect(circuit.admit(at: at(2)) == .refuse(for: .seconds(4)))
        _ = circuit.admit(at: at(6))
        circuit.probed(alive: true, at: at(6))
        circuit.succeeded()
        circuit.failed(after: .zero, at: at(6))
        #expect(circuit.admit(at: at(6)) == .pass)
    }

    @Test func lateFailuresOfWhoAskedBeforeDoNotProlongIt() {
        var circuit = Circuit(rules)
        circuit.failed(after: .seconds(1), at: at(0))
        circuit.failed(after: .seconds(2), at: at(1))
        #expect(circuit.admit(at: at(1)) == .refuse(for: .seconds(1)))
    }

    @Test func aBucketLendsAndTellsHowLongToWait() {
        var bucket = Bucket(rate: 10, at: at(0))
        #expect(bucket.take(10, at: at(0)) == .zero)
        #expect(bucket.take(5, at: at(0)) == .milliseconds(500))
        #expect(bucket.wait(for: 1, at: at(0)) == .milliseconds(600))
        #expect(bucket.wait(for: 5, at: at(1)) == .zero)
        #expect(bucket.take(10, at: at(100)) == .zero)
        #expect(bucket.take(20, at: at(100)) == .seconds(2))
    }

    // MARK: Many servers

    private let cause = CircuitCause(detail: "silent", status: nil)

    @Test func theTableStaysSmallAndLetsTheOldestGo() {
        var table = CircuitTable<Int>(rules, limit: 100)
        for number in 0..<20_000 { _ = table.failed(number, after: .seconds(9), because: cause, at: at(0)) }
        #expect(table.count == 100 && table.open == 100)
        #expect(table.entry(19_899, at: at(0)) == nil && table.entry(19_900, at: at(0)) != nil)
        // An entry that fails again and again is not the oldest.
        for number in 0..<1_000 {
            _ = table.failed(-1, after: .seconds(9), because: cause, at: at(1))
            _ = table.failed(100_000 + number, after: .seconds(9), because: cause, at: at(1))
        }
        #expect(table.entry(-1, at: at(1)) != nil && table.count == 100)
    }

    @Test func openEntriesEnd() {
        var table = CircuitTable<Int>(rules, limit: 100, keptFor: .seconds(60))
        var isOpen = table.failed(1, after: .seconds(9), because: cause, at: at(0))
        #expect(isOpen)
        #expect(table.entry(1, at: at(59)) != nil)
        #expect(table.entry(1, at: at(60)) == nil)
        // The next failure of any other server removes expired entries.
        isOpen = table.failed(2, after: .zero, because: cause, at: at(61))
        #expect(!isOpen)
        #expect(table.count == 1 && table.open == 0)
        _ = table.change(2) { $0.circuit.failed(after: .seconds(9), at: at(62)) }
        #expect(table.open == 1)
        table.remove(2)
        #expect(table.count == 0 && table.open == 0)
    }
}
