/// Arithmetic that saturates: a result that does not fit becomes the largest or smallest number. An overflow trap would end the
/// whole server, so every tally, and everything computed from numbers that came from outside, uses it. Inlinable because every
/// request uses it: a generic call across modules would go through witness tables.
extension FixedWidthInteger {
    @inlinable package func adding(_ other: Self) -> Self {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? (other < 0 ? .min : .max) : sum
    }

    @inlinable package func subtracting(_ other: Self) -> Self {
        let (difference, overflow) = subtractingReportingOverflow(other)
        return overflow ? (other < 0 ? .max : .min) : difference
    }

    @inlinable package func multiplied(by other: Self) -> Self {
        let (product, overflow) = multipliedReportingOverflow(by: other)
        return overflow ? ((self < 0) == (other < 0) ? .max : .min) : product
    }

    /// The quotient rounded down, where `/` rounds towards zero: days and hours before 1970 need it.
    ///
    /// - Parameter divisor: greater than 1.
    @inlinable package func quotient(roundedDownBy divisor: Self) -> Self { self / divisor - (self % divisor < 0 ? 1 : 0) }

    /// Adds in place, for tallies.
    @inlinable package mutating func add(_ other: Self) { self = adding(other) }
}

extension Int64 {
    /// Rounded towards zero, as `Int64.init` does; 0 for NaN.
    package init(saturating value: Double) {
        if let exact = Int64(exactly: value.rounded(.towardZero)) {
            self = exact
        } else {
            self = value.isNaN ? 0 : value < 0 ? .min : .max
        }
    }
}

extension Sequence where Element: FixedWidthInteger {
    /// The saturated sum.
    package var total: Element { reduce(0) { $0.adding($1) } }
}
