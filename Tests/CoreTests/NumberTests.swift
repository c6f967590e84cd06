import Testing
import WeirCore

/// Strangers' numbers, at the edges of 64 bits: a trap would end the whole server.
@Suite struct NumberTests {
    private static let edges: [Int64] = [
        .min, .min + 1, -1 << 53, -1, 0, 1, 1 << 31, (1 << 53) - 1, 1 << 53, (1 << 53) + 1, .max - 1, .max,
    ]

    @Test("A byte count is neither negative nor beyond the bound", arguments: edges)
    func byteCounts(number: Int64) {
        let isOne = (0...ByteCount.limit).contains(number)
        #expect((ByteCount(number) != nil) == isOne)
        #expect((ByteCount(digits: "\(number)") != nil) == isOne)
        #expect((0...ByteCount.limit).contains(ByteCount(clamping: number).bytes))
    }

    @Test(
        "Text that is no byte count",
        arguments: ["", " ", "+1", "-0", "0x10", "1e3", "1.0", "１", "9223372036854775808", "99999999999999999999999", " 1", "1 "])
    func noByteCounts(text: String) { #expect(ByteCount(digits: text) == nil) }

    @Test("Sums, differences and products stay at the ends", arguments: edges)
    func saturation(number: Int64) {
        #expect(number.adding(0) == number && number.subtracting(0) == number && number.multiplied(by: 1) == number)
        #expect(number.adding(.max) == (number > 0 ? .max : number + .max))
        #expect(number.adding(.min) == (number < 0 ? .min : number + .min))
        #expect(number.subtracting(.max) == (number < -1 ? .min : number - .max))
        #expect(number.multiplied(by: .max) == (number == 0 ? 0 : number > 0 ? .max : number == -1 ? -.max : .min))
        #expect(number.multiplied(by: -1) == (number == .min ? .max : -number))
        var tally = number
        for _ in 0..<3 { tally.add(.max) }
        #expect(tally == .max)
    }

    @Test func aListIsAddedUpAsFarAsItGoes() {
        #expect([Int64.max, 1, .max].total == .max)
        #expect([Int64(1) << 62, 1 << 62].total == .max)
        #expect([1, 2, 3].total == 6 && [Int]().total == 0)
    }

    @Test(
        "Fractions become whole numbers, whatever they are",
        arguments: [
            (1e300, .max), (-1e300, .min), (.infinity, .max), (-.infinity, .min), (.nan, 0), (1.9, 1), (-1.9, -1), (-0.0, 0),
            (9.3e18, .max), (1e13, 10_000_000_000_000), (.leastNonzeroMagnitude, 0),
            (9_223_372_036_854_775_808, .max),
        ] as [(Double, Int64)])
    func fractions(value: Double, whole: Int64) { #expect(Int64(saturating: value) == whole) }

    @Test("Moments at the edges can be reckoned with", arguments: edges)
    func moments(number: Int64) {
        for moment in [Timestamp(seconds: number), Timestamp(microseconds: number)] {
            for other in Self.edges {
                _ = moment + .seconds(other)
                _ = moment - Timestamp(microseconds: other)
                _ = (moment - Timestamp(seconds: other)).microseconds
            }
            #expect(moment.iso8601.hasSuffix("Z"))
        }
        #expect(Timestamp(seconds: .max) + .seconds(1) == Timestamp(microseconds: .max))
        #expect(Duration.seconds(number).microseconds == number.multiplied(by: 1_000_000))
    }

    @Test(
        "A division that rounds down",
        arguments: [(-1, 7, -1), (-7, 7, -1), (-8, 7, -2), (0, 7, 0), (6, 7, 0), (7, 7, 1), (.min, 86_400, -106_751_991_167_301)]
            as [(Int64, Int64, Int64)])
    func down(number: Int64, divisor: Int64, quotient: Int64) { #expect(number.quotient(roundedDownBy: divisor) == quotient) }

    @Test func momentsBefore1970AreTold() {
        #expect(Timestamp(microseconds: -1).iso8601 == "1969-12-31T23:59:59Z")
        #expect(Timestamp(seconds: -86_400).iso8601 == "1969-12-31T00:00:00Z")
        #expect(Timestamp(seconds: 253_402_300_800).iso8601 == "10000-01-01T00:00:00Z")
    }
}
