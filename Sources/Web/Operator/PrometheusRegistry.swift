package import Metrics
import Synchronization

/// The server's metrics, kept in memory and printed in Prometheus' text format: a back end of swift-metrics.
///
/// A name and its labels are one series, made on first use and shared by all later users. Series are never removed, so each
/// family has at most `maxSeries`: further ones are counted in one series whose labels all say `other`. So labels cannot use up
/// the server's memory.
package final class PrometheusRegistry: MetricsFactory, Sendable {
    private struct Family {
        let kind: PrometheusText.Kind
        var series: [[PrometheusLabel]: any PrometheusSeries] = [:]
    }

    private struct State {
        var families: [String: Family] = [:]
    }

    /// Latencies in seconds, from a manifest in memory (under a millisecond) to a layer over a slow line.
    static let secondsBounds = [
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300,
    ]
    /// For values without a unit: counts and bytes.
    static let valueBounds = [1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10]

    private let state = Mutex(State())
    private let help: [String: String]
    private let maxSeries: Int

    /// - Parameter help: the `# HELP` line of each family, by its printed name.
    package init(help: [String: String] = [:], maxSeries: Int = 500) {
        self.help = help
        self.maxSeries = maxSeries
    }

    /// All metrics, in the order of their names: the body of `GET /metrics`.
    package func text() -> String {
        let families = state.withLock { $0.families }
        var text = ""
        for (name, family) in families.sorted(by: { $0.key < $1.key }) {
            PrometheusText.head(name, family.kind, help: help[name], into: &text)
            for (labels, series) in family.series.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
                series.print(name, labels, into: &text)
            }
        }
        return text
    }

    private func series<Series: PrometheusSeries>(
        _ label: String, _ kind: PrometheusText.Kind, _ dimensions: [(String, String)], unit: String = "",
        _ make: () -> Series
    ) -> Series {
        let name = PrometheusText.name(label, kind, unit: unit)
        let labels = dimensions.map { PrometheusLabel(name: PrometheusText.sanitized($0), value: $1) }
            .sorted { $0.name < $1.name }
        return state.withLock { state in
            var family = state.families[name] ?? Family(kind: kind)
            // One name with two kinds would make a page that no scraper reads, so the second kind is not printed.
            guard family.kind == kind else { return make() }
            var key = labels
            if family.series[key] == nil, family.series.count >= maxSeries {
                key = labels.map { PrometheusLabel(name: $0.name, value: "other") }
            }
            if let known = family.series[key] as? Series { return known }
            let new = make()
            guard family.series[key] == nil else { return new }
            family.series[key] = new
            state.families[name] = family
            return new
        }
    }

    // MARK: MetricsFactory

    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        series(label, .counter, dimensions) { PrometheusCounter() }
    }

    package func makeFloatingPointCounter(
        label: String, dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        series(label, .counter, dimensions) { PrometheusFractionCounter() }
    }

    package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        series(label, .gauge, dimensions) { PrometheusGauge() }
    }

    package func makeRecorder(
        label: String, dimensions: [(String, String)], aggregate: Bool
    ) -> any RecorderHandler {
        guard aggregate else { return series(label, .gauge, dimensions) { PrometheusGauge() } }
        return series(label, .histogram, dimensions) { PrometheusHistogram(bounds: Self.valueBounds) }
    }

    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        series(label, .histogram, dimensions, unit: "_seconds") { PrometheusHistogram(bounds: Self.secondsBounds) }
    }

    // All users share a series, and the number of series is bounded: destroying a handle removes nothing.
    package func destroyCounter(_: any CounterHandler) {}
    package func destroyMeter(_: any MeterHandler) {}
    package func destroyFloatingPointCounter(_: any FloatingPointCounterHandler) {}
    package func destroyRecorder(_: any RecorderHandler) {}
    package func destroyTimer(_: any TimerHandler) {}
}
