#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The process's resource use, under the names of Prometheus' own libraries. Measured at each call.
enum ProcessMetrics {
    static func print(into text: inout String) {
        var usage = rusage()
        #if os(Linux)
            let who = __rusage_who_t(RUSAGE_SELF.rawValue)
        #else
            let who = RUSAGE_SELF
        #endif
        guard getrusage(who, &usage) == 0 else { return }
        let cpu = seconds(usage.ru_utime) + seconds(usage.ru_stime)
        PrometheusText.head(
            "process_cpu_seconds_total", .counter, help: "CPU time used, user and system.", into: &text)
        PrometheusText.line("process_cpu_seconds_total", [], PrometheusText.number(cpu), into: &text)
        #if os(Linux)
            let peak = Double(usage.ru_maxrss) * 1024
        #else
            let peak = Double(usage.ru_maxrss)
        #endif
        PrometheusText.head(
            "process_resident_memory_max_bytes", .gauge, help: "The most memory the process has ever held.",
            into: &text)
        PrometheusText.line("process_resident_memory_max_bytes", [], PrometheusText.number(peak), into: &text)
    }

    private static func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
}
