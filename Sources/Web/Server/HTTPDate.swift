import Synchronization
package import WeirCore

/// The `Date` header: `Sun, 06 Nov 1994 08:49:37 GMT`, made once a second.
package final class HTTPDate: Sendable {
    private let clock: WallClock
    private let last = Mutex((second: Int64.min, text: ""))

    package init(clock: WallClock) { self.clock = clock }

    package var now: String {
        let second = clock.now.microseconds.quotient(roundedDownBy: 1_000_000)
        return last.withLock { last in
            if last.second != second { last = (second, Self.text(second)) }
            return last.text
        }
    }

    private static let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    /// The years 1 to 9999: the form has four digits for them. A clock that is further off is told as the nearest moment.
    private static let seconds: ClosedRange<Int64> = -62_135_596_800...253_402_300_799

    /// - Parameter second: since 1970; before it, negative.
    package static func text(_ second: Int64) -> String {
        let second = min(max(second, seconds.lowerBound), seconds.upperBound)
        let day = second.quotient(roundedDownBy: 86_400)
        let time = second - day * 86_400
        // Days since 1 March of year 0, in eras of 400 years: the calendar without a table.
        let shifted = day + 719_468
        let era = shifted.quotient(roundedDownBy: 146_097)
        let ofEra = shifted - era * 146_097
        let yearOfEra = (ofEra - ofEra / 1_460 + ofEra / 36_524 - ofEra / 146_096) / 365
        let ofYear = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * ofYear + 2) / 153
        let dayOfMonth = ofYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        let weekday = day - day.quotient(roundedDownBy: 7) * 7
        return "\(days[Int(weekday)]), \(padded(dayOfMonth, 2)) \(months[Int(month) - 1]) \(padded(year, 4)) "
            + "\(padded(time / 3_600, 2)):\(padded(time / 60 % 60, 2)):\(padded(time % 60, 2)) GMT"
    }

    private static func padded(_ number: Int64, _ width: Int) -> String {
        let digits = "\(number)"
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
