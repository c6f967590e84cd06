/// Arithmetic that stays at the largest or smallest number there is where the result would not fit. A trap would be the end of
/// the whole server: everything that is computed from numbers of others, and every tally, is computed so. Inlinable, since every
/// request counts and asks for the time: generic code of another module would be called through witness tables.
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

    /// The division that rounds down where `/` rounds towards zero: days and hours before 1970 are told by it.
    ///
    /// - Parameter divisor: above 1.
    @inlinable package func quotient(roundedDownBy divisor: Self) -> Self { self / divisor - (self % divisor < 0 ? 1 : 0) }

    /// For tallies.
    @inlinable package mutating func add(_ other: Self) { self = adding(other) }
}

extension Int64 {
    /// The whole number nearest to zero from a fraction, as `Int64.init` makes it; 0 for what is no number.
    package init(saturating value: Double) {
        if let exact = Int64(exactly: value.rounded(.towardZero)) {
            self = exact
        } else {
            self = value.isNaN ? 0 : value < 0 ? .min : .max
        }
    }
}

extension Sequence where Element: FixedWidthInteger {
    /// The sum, as far as it goes.
    package var total: Element { reduce(0) { $0.adding($1) } }
}
