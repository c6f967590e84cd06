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
}
