import WeirCore

/// Numbers and times for people.
package enum Shown {
    /// `1.5 GiB`
    package static func bytes(_ count: Int64) -> String {
        guard count >= 1024 else { return "\(count) B" }
        var value = Double(count) / 1024
        var unit = "KiB"
        for larger in ["MiB", "GiB", "TiB"] where value >= 1024 { (value, unit) = (value / 1024, larger) }
        let tenths = Int64(saturating: (value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10) \(unit)"
    }

    /// The age of a moment, rounded to one unit: `12 s ago`, `3 min ago`, `5 h ago`, `4 d ago`.
    ///
    /// - Parameters:
    ///   - moment: seconds since 1970.
    ///   - now: in the same unit. A later `moment` counts as now, since two machines' clocks may differ.
    package static func ago(_ moment: Double, now: Double) -> String {
        let seconds = Int64(saturating: max(0, now - moment))
        return "\(rough(seconds)) ago"
    }

    /// A duration in seconds: `78ms`, `3.2s`, `2m05s`, `1h02m`.
    package static func duration(_ seconds: Double) -> String {
        guard seconds.isFinite, seconds >= 0, seconds < 1e9 else { return "\(seconds)s" }
        let whole = Int64(saturating: seconds)
        func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
        func tenths(_ number: Double) -> String {
            let count = Int64(saturating: (number * 10).rounded())
            return "\(count / 10).\(count % 10)"
        }
        return switch seconds {
        case ..<0.01: "\(tenths(seconds * 1_000))ms"
        case ..<1: "\(Int64(saturating: (seconds * 1_000).rounded()))ms"
        case ..<60: "\(tenths(seconds))s"
        case ..<3_600: "\(whole / 60)m\(two(whole % 60))s"
        default: "\(whole / 3_600)h\(two(whole / 60 % 60))m"
        }
    }

    /// Whole seconds, rounded to one unit: `90 s`, `15 min`, `24 h`, `30 d`.
    package static func rough(_ seconds: Int64) -> String {
        switch seconds {
        case ..<120: "\(seconds) s"
        case ..<7_200: "\(seconds / 60) min"
        case ..<172_800: "\(seconds / 3_600) h"
        default: "\(seconds / 86_400) d"
        }
    }

    /// The same for a setting: never rounded.
    package static func exact(_ seconds: Int64) -> String {
        let units: [(Int64, String)] = [(86_400, "d"), (3_600, "h"), (60, "min")]
        let unit = units.first { seconds >= 2 * $0.0 && seconds.isMultiple(of: $0.0) }
        return unit.map { "\(seconds / $0.0) \($0.1)" } ?? "\(seconds) s"
    }
}
