package import WeirCore
import WeirText

/// How long upstream wants to be left alone: `Retry-After` in its two forms, seconds and a date (RFC 9110, 10.2.3).
package enum RetryAfter {
    /// The longest wait on a stranger's word. A registry that needs longer says so again.
    static let longest: Duration = .seconds(60 * 60)
    /// The longest wait on the word of a host that a registry redirected to.
    static let longestElsewhere: Duration = .seconds(60)

    /// A larger number is no wait but a moment: seconds since 1970, as Docker Hub has sent, or milliseconds.
    private static let mostSeconds: Int64 = 31_536_000
    private static let moments: ClosedRange<Int64> = mostSeconds...253_402_300_799
    private static let millisecondMoments: ClosedRange<Int64> = 1_000_000_000_000...253_402_300_799_999

    package static func parse(_ header: String, now: Timestamp) -> Duration? {
        let text = header.split(separator: " ", omittingEmptySubsequences: true).joined(separator: " ")
        guard !text.isEmpty, text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else {
            return date(text, now: now).map { wait(until: $0, now) }
        }
        guard let number = Int64(text) else { return longest }
        if moments.contains(number) { return wait(until: Timestamp(seconds: number), now) }
        if millisecondMoments.contains(number) { return wait(until: Timestamp(seconds: number / 1000), now) }
        return min(.seconds(number), longest)
    }

    private static func wait(until moment: Timestamp, _ now: Timestamp) -> Duration { max(.zero, min(moment - now, longest)) }

    /// `Sun, 06 Nov 1994 08:49:37 GMT`, the one form that may be sent today, and the two older ones that must still be
    /// understood: `Sunday, 06-Nov-94 08:49:37 GMT` and `Sun Nov 6 08:49:37 1994` (RFC 9110, 5.6.7).
    private static func date(_ text: String, now: Timestamp) -> Timestamp? {
        let words = text.split(separator: " ")
        switch words.count {
        case 6 where words[5] == "GMT": return date(words[1], words[2], Int64(words[3]), words[4])
        case 5: return date(words[2], words[1], Int64(words[4]), words[3])
        case 4 where words[3] == "GMT":
            let parts = words[1].split(separator: "-")
            guard parts.count == 3, let year = Int64(parts[2]), (0...99).contains(year) else { return nil }
            // A year of two digits that seems more than fifty years ahead belongs to the century before.
            let near = date(parts[0], parts[1], year + 2000, words[2])
            guard let near, near - now > .seconds(50 * 366 * 86_400) else { return near }
            return date(parts[0], parts[1], year + 1900, words[2])
        default: return nil
        }
    }

    private static func date(_ day: Substring, _ month: Substring, _ year: Int64?, _ time: Substring) -> Timestamp? {
        guard let day = Int64(day), (1...31).contains(day), let month = CivilDate.month(named: month), let year,
            (1900...9999).contains(year)
        else { return nil }
        let clock = time.split(separator: ":").compactMap { Int64($0) }
        guard clock.count == 3, (0...23).contains(clock[0]), (0...59).contains(clock[1]), (0...60).contains(clock[2])
        else { return nil }
        let days = CivilDate.daysSince1970(year, month, day)
        return Timestamp(seconds: days * 86400 + clock[0] * 3600 + clock[1] * 60 + clock[2])
    }
}
