import Synchronization
package import WeirCore
import WeirText

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

    /// The years 1 to 9999: the form has four digits for them. A clock beyond them gives the nearest moment.
    private static let seconds: ClosedRange<Int64> = -62_135_596_800...253_402_300_799

    /// - Parameter second: since 1970; before it, negative.
    package static func text(_ second: Int64) -> String {
        let second = min(max(second, seconds.lowerBound), seconds.upperBound)
        let day = second.quotient(roundedDownBy: 86_400)
        let time = second - day * 86_400
        let date = CivilDate(daysSince1970: day)
        return "\(CivilDate.weekday(ofDay: day)), \(date.day.padded(to: 2)) \(CivilDate.months[Int(date.month) - 1]) "
            + "\(date.year.padded(to: 4)) "
            + "\((time / 3_600).padded(to: 2)):\((time / 60 % 60).padded(to: 2)):\((time % 60).padded(to: 2)) GMT"
    }
}
