import WeirText

extension Timestamp {
    /// Reads `2026-01-02`, `2026-01-02T03:04:05Z` or with a fraction or an offset (`+02:00`), as policies and clients write
    /// dates.
    package init?(iso8601 text: some StringProtocol) {
        var rest = Array(text.utf8)[...]
        guard let year = Self.number(&rest, digits: 4), Self.take(&rest, "-"),
            let month = Self.number(&rest, digits: 2), Self.take(&rest, "-"),
            let day = Self.number(&rest, digits: 2), (1...12).contains(month),
            (1...CivilDate.days(in: month, of: year)).contains(day)
        else { return nil }
        let midnight = CivilDate.daysSince1970(year, month, day) * 86_400
        guard !rest.isEmpty else {
            self.init(seconds: midnight)
            return
        }
        guard Self.take(&rest, "T"), let hour = Self.number(&rest, digits: 2), Self.take(&rest, ":"),
            let minute = Self.number(&rest, digits: 2), hour < 24, minute < 60
        else { return nil }
        var second: Int64 = 0
        var fraction: Int64 = 0
        if Self.take(&rest, ":") {
            guard let value = Self.number(&rest, digits: 2), value < 61 else { return nil }
            second = value
            if Self.take(&rest, ".") {
                let digits = rest.prefix { (0x30...0x39).contains($0) }
                guard !digits.isEmpty else { return nil }
                let micros = digits.prefix(6) + [UInt8](repeating: 0x30, count: max(0, 6 - digits.count))
                fraction = micros.reduce(0) { $0 * 10 + Int64($1 - 0x30) }
                rest = rest.dropFirst(digits.count)
            }
        }
        guard let offset = Self.offset(&rest), rest.isEmpty else { return nil }
        let seconds = midnight + hour * 3_600 + minute * 60 + second - offset
        self.init(microseconds: seconds * 1_000_000 + fraction)
    }

    private static func take(_ rest: inout ArraySlice<UInt8>, _ character: Unicode.Scalar) -> Bool {
        guard rest.first == UInt8(ascii: character) else { return false }
        rest = rest.dropFirst()
        return true
    }

    private static func number(_ rest: inout ArraySlice<UInt8>, digits: Int) -> Int64? {
        let head = rest.prefix(digits)
        guard head.count == digits, head.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        rest = rest.dropFirst(digits)
        return head.reduce(0) { $0 * 10 + Int64($1 - 0x30) }
    }

    /// Seconds east of Greenwich: `Z`, `+02:00`, `-0800`.
    private static func offset(_ rest: inout ArraySlice<UInt8>) -> Int64? {
        if take(&rest, "Z") { return 0 }
        let isEast = take(&rest, "+")
        guard isEast || take(&rest, "-"), let hours = number(&rest, digits: 2) else { return nil }
        _ = take(&rest, ":")
        guard let minutes = number(&rest, digits: 2), hours < 24, minutes < 60 else { return nil }
        return (isEast ? 1 : -1) * (hours * 3_600 + minutes * 60)
    }

    /// `2026-01-02T03:04:05Z`, as events and audit records write it.
    package var iso8601: String {
        let seconds = microseconds.quotient(roundedDownBy: 1_000_000)
        let days = seconds.quotient(roundedDownBy: 86_400)
        let date = CivilDate(daysSince1970: days)
        let second = seconds - days * 86_400
        let parts = [date.month, date.day, second / 3_600, second / 60 % 60, second % 60].map { $0.padded(to: 2) }
        return "\(date.year)-\(parts[0])-\(parts[1])T\(parts[2]):\(parts[3]):\(parts[4])Z"
    }
}
