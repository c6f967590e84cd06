import Testing
import WeirText

@Suite struct PercentCodingTests {
    private func decoded(_ text: String, plusIsSpace: Bool = false, _ broken: PercentCoding.Broken = .refused) -> String? {
        PercentCoding.decoded(Array(text.utf8), plusIsSpace: plusIsSpace, broken: broken).map {
            String(decoding: $0, as: UTF8.self)
        }
    }

    @Test("Whole escapes", arguments: [("a%2Fb", "a/b"), ("%41%61", "Aa"), ("%c3%A4", "ä"), ("a+b", "a+b"), ("", "")])
    func whole(text: String, meaning: String) { #expect(decoded(text) == meaning) }

    @Test("Broken ones", arguments: ["%", "%4", "a%zz", "%4g", "%%41", "%+1"])
    func broken(text: String) {
        #expect(decoded(text) == nil)
        #expect(decoded(text, .kept)?.hasPrefix(text.prefix(1)) == true)
    }

    @Test func whatIsKeptStandsForItself() {
        #expect(decoded("a%zz%41%", .kept) == "a%zzA%")
    }

    @Test func aPlusIsASpaceInForms() { #expect(decoded("a+b%2B", plusIsSpace: true) == "a b+") }

    @Test func everyByteComesBack() {
        let bytes = Array(UInt8.min...UInt8.max)
        let text = PercentCoding.encoded(bytes)
        #expect(PercentCoding.decoded(Array(text.utf8)) == bytes)
        #expect(text.hasPrefix("%00%01") && text.contains("-.") && text.contains("%2F0123456789%3A") && text.contains("~%7F"))
        #expect(PercentCoding.encoded("a/b c".utf8) { $0 == UInt8(ascii: "/") || PercentCoding.isUnreserved($0) } == "a/b%20c")
    }
}

@Suite struct Base64URLTests {
    @Test(
        "As RFC 4648 has it, without padding",
        arguments: [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")])
    func known(text: String, encoded: String) {
        #expect(Base64URL.encode(text.utf8) == encoded)
        #expect(Base64URL.decode(encoded) == Array(text.utf8))
    }

    @Test("Texts that encode never writes", arguments: ["AA==", "AA=", "+/8", "AB", "A", "A A", "AA\n", "é"])
    func exactly(text: String) { #expect(Base64URL.decode(exactly: text.utf8) == nil) }

    @Test func whatEncodeWritesComesBackExactly() {
        for count in 0..<20 {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 37 + 251) }
            #expect(Base64URL.decode(exactly: Base64URL.encode(bytes).utf8) == bytes)
        }
    }

    @Test func theTwoLettersOfItsOwn() {
        #expect(Base64URL.encode([0xfb, 0xff]) == "-_8")
        #expect(Base64URL.decode("-_8") == [0xfb, 0xff])
    }

    @Test("What is none", arguments: ["a", "a b=", "ä"])
    func none(text: String) { #expect(Base64URL.decode(text) == nil) }
}
