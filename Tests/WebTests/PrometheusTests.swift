import Metrics
import Testing
import WeirWeb

@Suite struct PrometheusTests {
    @Test func aCounterIsPrintedWithItsLabelsSorted() {
        let registry = PrometheusRegistry(help: ["pulls_total": "Pulls."])
        Counter(label: "pulls", dimensions: [("z", "1"), ("a", "x")], factory: registry).increment(by: 3)
        Counter(label: "pulls", dimensions: [("a", "x"), ("z", "1")], factory: registry).increment()
        #expect(
            registry.text() == """
                # HELP pulls_total Pulls.
                # TYPE pulls_total counter
                pulls_total{a="x",z="1"} 4

                """)
    }

    @Test func aCounterStaysAtTheLargestNumber() {
        let registry = PrometheusRegistry()
        let counter = Counter(label: "bytes", factory: registry)
        for _ in 0..<3 { counter.increment(by: Int64.max - 1) }
        #expect(registry.text().contains("bytes_total 9223372036854775807\n"))
        let gauge = Gauge(label: "level", factory: registry)
        for value in [Double.nan, .infinity, -.infinity, 1e300, -0.0] { gauge.record(value) }
        gauge.record(Int64.max)
        #expect(
            registry.text().contains("level 9.223372036854775807e+18\n")
                || registry.text().contains("level 9.223372036854776e+18\n"))
    }

    @Test func labelsAndHelpAreEscaped() {
        let registry = PrometheusRegistry(help: ["odd_total": "a \\ b\nc \"d\""])
        Counter(label: "odd_total", dimensions: [("path", "a\"b\\c\nd")], factory: registry).increment()
        #expect(
            registry.text() == #"""
                # HELP odd_total a \\ b\nc "d"
                # TYPE odd_total counter
                odd_total{path="a\"b\\c\nd"} 1

                """#)
    }

    @Test func namesAreMadeOfLettersDigitsAndUnderscores() {
        let registry = PrometheusRegistry()
        Gauge(label: "9lives.left-over", dimensions: [("a.b", "c")], factory: registry).record(1.5)
        #expect(registry.text().contains("_9lives_left_over{a_b=\"c\"} 1.5\n"))
        #expect(registry.text().contains("# TYPE _9lives_left_over gauge\n"))
    }

    @Test func aTimerIsAHistogramOfSeconds() {
        let registry = PrometheusRegistry()
        let timer = Timer(label: "request", dimensions: [("route", "blob")], factory: registry)
        timer.recordNanoseconds(2_000_000)
        timer.recordNanoseconds(1_000_000)
        timer.recordNanoseconds(3_600_000_000_000)
        let text = registry.text()
        #expect(text.contains("# TYPE request_seconds histogram\n"))
        #expect(text.contains("request_seconds_bucket{route=\"blob\",le=\"0.001\"} 1\n"))
        #expect(text.contains("request_seconds_bucket{route=\"blob\",le=\"0.0025\"} 2\n"))
        #expect(text.contains("request_seconds_bucket{route=\"blob\",le=\"300\"} 2\n"))
        #expect(text.contains("request_seconds_bucket{route=\"blob\",le=\"+Inf\"} 3\n"))
        #expect(text.contains("request_seconds_count{route=\"blob\"} 3\n"))
        #expect(text.contains("request_seconds_sum{route=\"blob\"} 3600.003\n"))
    }

    @Test func metersGoUpAndDownAndRecordersAreHistograms() {
        let registry = PrometheusRegistry()
        let meter = Meter(label: "open", factory: registry)
        meter.set(5)
        meter.increment(by: 2)
        meter.decrement(by: 4)
        Recorder(label: "sizes", factory: registry).record(50)
        #expect(registry.text().contains("\nopen 3\n"))
        #expect(registry.text().contains("sizes_bucket{le=\"100\"} 1\n"))
    }

    @Test func moreSeriesThanAllowedShareOne() {
        let registry = PrometheusRegistry(maxSeries: 3)
        for number in 0..<10 {
            Counter(label: "many_total", dimensions: [("n", "\(number)")], factory: registry).increment()
        }
        let lines = registry.text().split(separator: "\n").filter { !$0.hasPrefix("#") }
        #expect(lines.count == 4)
        #expect(lines.contains("many_total{n=\"other\"} 7"))
    }

    @Test func theSameNameOfAnotherKindIsNotPrinted() {
        let registry = PrometheusRegistry()
        Counter(label: "thing_total", factory: registry).increment()
        Gauge(label: "thing_total", factory: registry).record(7)
        #expect(registry.text().contains("thing_total 1\n"))
        #expect(!registry.text().contains("7"))
    }
}
