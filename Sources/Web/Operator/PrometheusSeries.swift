import Metrics
import Synchronization
import WeirCore

/// One line, or one histogram's lines, of `/metrics`.
protocol PrometheusSeries: AnyObject, Sendable {
    func print(_ name: String, _ labels: [PrometheusLabel], into text: inout String)
}

struct PrometheusLabel: Hashable, Sendable, Comparable {
    let name: String
    let value: String

    static func < (left: Self, right: Self) -> Bool { (left.name, left.value) < (right.name, right.value) }
}

final class PrometheusCounter: CounterHandler, PrometheusSeries {
    private let value = Atomic<Int64>(0)

    /// Stays at the largest number: a counter that goes back would be taken for a restart.
    func increment(by amount: Int64) {
        let (old, new) = value.wrappingAdd(amount, ordering: .relaxed)
        if amount > 0, new < old { value.store(.max, ordering: .relaxed) }
    }
    func reset() { value.store(0, ordering: .relaxed) }

    func print(_ name: String, _ labels: [PrometheusLabel], into text: inout String) {
        PrometheusText.line(name, labels, "\(value.load(ordering: .relaxed))", into: &text)
    }
}

final class PrometheusFractionCounter: FloatingPointCounterHandler, PrometheusSeries {
    private let value = Mutex(0.0)

    func increment(by amount: Double) { value.withLock { $0 += amount } }
    func reset() { value.withLock { $0 = 0 } }

    func print(_ name: String, _ labels: [PrometheusLabel], into text: inout String) {
        PrometheusText.line(name, labels, PrometheusText.number(value.withLock { $0 }), into: &text)
    }
}

/// The value as last set: swift-metrics' meters and gauges.
final class PrometheusGauge: MeterHandler, RecorderHandler, PrometheusSeries {
    private let value = Mutex(0.0)

    func set(_ new: Int64) { set(Double(new)) }
    func set(_ new: Double) { value.withLock { $0 = new } }
    func increment(by amount: Double) { value.withLock { $0 += amount } }
    func decrement(by amount: Double) { value.withLock { $0 -= amount } }
    func record(_ new: Int64) { set(Double(new)) }
    func record(_ new: Double) { set(new) }

    func print(_ name: String, _ labels: [PrometheusLabel], into text: inout String) {
        PrometheusText.line(name, labels, PrometheusText.number(value.withLock { $0 }), into: &text)
    }
}

/// A histogram: how many values were at most each of the bounds, their count and their sum.
final class PrometheusHistogram: RecorderHandler, TimerHandler, PrometheusSeries {
    private struct State {
        /// One more than there are bounds: the last counts the values above all of them.
        var counts: [UInt64]
        var sum = 0.0
    }

    private let bounds: [Double]
    private let state: Mutex<State>

    init(bounds: [Double]) {
        self.bounds = bounds
        state = Mutex(State(counts: Array(repeating: 0, count: bounds.count + 1)))
    }

    func record(_ value: Int64) { record(Double(value)) }
    func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }

    func record(_ value: Double) {
        let bucket = bounds.firstIndex { value <= $0 } ?? bounds.count
        state.withLock {
            $0.counts[bucket].add(1)
            $0.sum += value
        }
    }

    func print(_ name: String, _ labels: [PrometheusLabel], into text: inout String) {
        let (counts, sum) = state.withLock { ($0.counts, $0.sum) }
        var soFar: UInt64 = 0
        for (index, count) in counts.enumerated() {
            soFar.add(count)
            let bound = index < bounds.count ? PrometheusText.number(bounds[index]) : "+Inf"
            PrometheusText.line(
                name + "_bucket", labels + [PrometheusLabel(name: "le", value: bound)], "\(soFar)", into: &text)
        }
        PrometheusText.line(name + "_sum", labels, PrometheusText.number(sum), into: &text)
        PrometheusText.line(name + "_count", labels, "\(soFar)", into: &text)
    }
}
