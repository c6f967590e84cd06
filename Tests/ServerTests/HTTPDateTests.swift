import Testing
import WeirCore
import WeirServer

/// The `Date` header of a machine whose clock is wrong.
@Suite struct HTTPDateTests {
    @Test(
        arguments: [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"), (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (-1, "Wed, 31 Dec 1969 23:59:59 GMT"), (-86_400, "Wed, 31 Dec 1969 00:00:00 GMT"),
            (-86_401, "Tue, 30 Dec 1969 23:59:59 GMT"), (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (-2_208_988_800, "Mon, 01 Jan 1900 00:00:00 GMT"), (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"),
            (253_402_300_800, "Fri, 31 Dec 9999 23:59:59 GMT"), (-62_135_596_800, "Mon, 01 Jan 0001 00:00:00 GMT"),
            (-62_135_596_801, "Mon, 01 Jan 0001 00:00:00 GMT"), (.max, "Fri, 31 Dec 9999 23:59:59 GMT"),
            (.min, "Mon, 01 Jan 0001 00:00:00 GMT"),
        ] as [(Int64, String)])
    func text(second: Int64, text: String) { #expect(HTTPDate.text(second) == text) }

    @Test(arguments: [Int64.min, -1, 0, .max])
    func theClocksEdges(microseconds: Int64) {
        let date = HTTPDate(clock: WallClock { Timestamp(microseconds: microseconds) })
        #expect(date.now.hasSuffix(" GMT") && date.now.utf8.count == 29)
    }
}
