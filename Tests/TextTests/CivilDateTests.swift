import Testing
import WeirText

@Suite struct CivilDateTests {
    @Test(
        "Days that are known",
        arguments: [
            (0, 1970, 1, 1, "Thu"), (-1, 1969, 12, 31, "Wed"), (10_957, 2000, 1, 1, "Sat"), (11_016, 2000, 2, 29, "Tue"),
            (19_782, 2024, 2, 29, "Thu"), (20_787, 2026, 11, 30, "Mon"), (-719_468, 0, 3, 1, "Wed"),
            (2_932_896, 9999, 12, 31, "Fri"),
        ])
    func known(days: Int64, year: Int64, month: Int64, day: Int64, weekday: String) {
        let date = CivilDate(daysSince1970: days)
        #expect(date.year == year && date.month == month && date.day == day)
        #expect(CivilDate.daysSince1970(year, month, day) == days)
        #expect(CivilDate.weekday(ofDay: days) == weekday)
    }

    @Test func backAndForthOverEightHundredYears() {
        var last = CivilDate(daysSince1970: -150_000)
        for days in Int64(-149_999)...150_000 {
            let date = CivilDate(daysSince1970: days)
            #expect(CivilDate.daysSince1970(date.year, date.month, date.day) == days)
            let isNextDay = date.day == last.day + 1 && date.month == last.month
            let isNextMonth = date.day == 1 && last.day == CivilDate.days(in: last.month, of: last.year)
            #expect(isNextDay != isNextMonth, "\(date)")
            last = date
        }
    }

    @Test func monthsByName() {
        #expect(CivilDate.month(named: "Jan") == 1 && CivilDate.month(named: "Dec") == 12)
        #expect(CivilDate.month(named: "jan") == nil && CivilDate.month(named: "") == nil)
    }

    @Test("Numbers with zeros in front", arguments: [(7, 2, "07"), (123, 2, "123"), (0, 4, "0000")])
    func padded(number: Int64, width: Int, text: String) { #expect(number.padded(to: width) == text) }
}
