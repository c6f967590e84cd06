import WeirText

/// A signature's time in whole seconds, written `YYYYMMDDTHHMMSSZ`.
package struct SigV4Time: Hashable, Sendable, CustomStringConvertible {
    /// Seconds since 1970, UTC.
    package let seconds: Int64

    package init(seconds: Int64) { self.seconds = seconds }

    /// Reads `20150830T123600Z`.
    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count == 16, bytes[8] == UInt8(ascii: "T"), bytes[15] == UInt8(ascii: "Z") else { return nil }
        guard let date = Self.number(bytes[0..<8]), let time = Self.number(bytes[9..<15]) else { return nil }
        self.init(
            year: date / 10_000, month: date / 100 % 100, day: date % 100,
            hour: time / 10_000, minute: time / 100 % 100, second: time % 100)
    }

    /// Reads `Sun, 30 Aug 2015 12:36:00 GMT`, the form of the `Date` header (RFC 9110, IMF-fixdate).
    package init?(httpDate text: String) {
        let parts = text.split(separator: " ")
        guard parts.count == 6, parts[5] == "GMT", let month = CivilDate.month(named: parts[2]),
            let day = Int64(parts[1]), let year = Int64(parts[3])
        else { return nil }
        let time = parts[4].split(separator: ":", omittingEmptySubsequences: false)
        guard time.count == 3, let hour = Int64(time[0]), let minute = Int64(time[1]), let second = Int64(time[2])
        else { return nil }
        self.init(year: year, month: month, day: day, hour: hour, minute: minute, second: second)
    }

    private init?(year: Int64, month: Int64, day: Int64, hour: Int64, minute: Int64, second: Int64) {
        guard (1970...9999).contains(year), (1...12).contains(month), (1...31).contains(day),
            (0...23).contains(hour), (0...59).contains(minute), (0...60).contains(second)
        else { return nil }
        let days = CivilDate.daysSince1970(year, month, day)
        seconds = days * 86_400 + hour * 3_600 + minute * 60 + second
    }

    /// `YYYYMMDD`.
    package var date: String { String(description.prefix(8)) }

    package var description: String {
        var days = seconds / 86_400
        var time = seconds % 86_400
        if time < 0 {
            time += 86_400
            days -= 1
        }
        let date = CivilDate(daysSince1970: days)
        return date.year.padded(to: 4) + date.month.padded(to: 2) + date.day.padded(to: 2) + "T"
            + (time / 3_600).padded(to: 2) + (time / 60 % 60).padded(to: 2) + (time % 60).padded(to: 2) + "Z"
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> Int64? {
        var value: Int64 = 0
        for digit in digits {
            guard (0x30...0x39).contains(digit) else { return nil }
            value = value * 10 + Int64(digit - 0x30)
        }
        return value
    }
}
