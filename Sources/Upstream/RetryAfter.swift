package import WeirCore

/// When upstream wants to be asked again: `Retry-After` in its two forms, seconds and a date (RFC 9110, 10.2.3).
package enum RetryAfter {
    /// Nobody is made to wait longer on a stranger's word: a registry that still wants peace then says so again.
    static let longest: Duration = .seconds(60 * 60)
    /// On the word of a host that a registry redirected to.
    static let longestElsewhere: Duration = .seconds(60)

    package static func parse(_ header: String, now: Timestamp) -> Duration? {
        let text = header.split(separator: " ", omittingEmptySubsequences: true).joined(separator: " ")
        if !text.isEmpty, text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) {
            return min(.seconds(Int64(text) ?? Int64(Int32.max)), longest)
        }
        return date(text).map { max(.zero, min($0 - now, longest)) }
    }

    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    /// `Sun, 06 Nov 1994 08:49:37 GMT`, the one form that may be sent today.
    private static func date(_ text: String) -> Timestamp? {
        let words = text.split(separator: " ")
        guard words.count == 6, words[5] == "GMT", let day = Int64(words[1]), (1...31).contains(day),
            let month = months.firstIndex(of: String(words[2])), let year = Int64(words[3]), (1970...9999).contains(year)
        else { return nil }
        let clock = words[4].split(separator: ":").compactMap { Int64($0) }
        guard clock.count == 3, (0...23).contains(clock[0]), (0...59).contains(clock[1]), (0...60).contains(clock[2])
        else { return nil }
        let days = daysSince1970(year: year, month: Int64(month) + 1, day: day)
        return Timestamp(seconds: days * 86400 + clock[0] * 3600 + clock[1] * 60 + clock[2])
    }

    /// Counts in years that begin in March, so that the leap day comes last.
    private static func daysSince1970(year: Int64, month: Int64, day: Int64) -> Int64 {
        let shifted = month > 2 ? year : year - 1
        let monthsFromMarch = (month + 9) % 12
        let leapDays = shifted / 4 - shifted / 100 + shifted / 400
        return shifted * 365 + leapDays + (monthsFromMarch * 153 + 2) / 5 + day - 1 - 719_468
    }
}
