import NIOCore
import Testing
import WeirCore

@Suite struct JSONValueTests {
    @Test func thousandsOfEmptyValuesAreNotKept() throws {
        let empty = "[" + String(repeating: "[],", count: 200_000) + "[]]"
        #expect(throws: JSONError.self) { try JSONValue(parsing: empty.utf8) }
        let many = "[" + String(repeating: "1,", count: 50_000) + "1]"
        #expect(throws: Never.self) { try JSONValue(parsing: many.utf8) }
    }

    static let documents: [(String, JSONValue)] = [
        ("null", JSONValue.null), (" true ", true), ("-0", 0), ("12", 12), ("1.5e3", 1500.0), ("\"\"", ""),
        (#""a\"\\\/\b\f\n\r\t\u00e4\ud83d\ude00""#, "a\"\\/\u{8}\u{c}\n\r\tä😀"), ("[]", []), ("[1,[2]]", [1, [2]]),
        (#"{"a":{"b":null},"c":"ä"}"#, ["a": ["b": .null], "c": "ä"]), ("9223372036854775807", .integer(.max)),
        ("9223372036854775808", .number(9_223_372_036_854_775_808)),
    ]

    @Test("Documents and what they say", arguments: documents)
    func parsed(text: String, value: JSONValue) throws {
        #expect(try JSONValue(parsing: text.utf8) == value)
    }

    @Test(
        "What is no document",
        arguments: [
            "", " ", "{", "}", "[1,]", "{\"a\"}", "{\"a\":}", "{a:1}", "'a'", "01", "1.", ".5", "+1", "1e", "1e999", "NaN",
            "tru", "nulll", "[1 2]", "{\"a\":1 \"b\":2}", "{}{}", "\"\n\"", "\"\\x\"", "\"\\u12\"", "\"\\ud800\"",
            "\"\\ud800\\u0041\"", "\"\\u+123\"", "\"a", "{\"a\":1,\"a\":2}", String(repeating: "[", count: 200_000),
            String(repeating: "{\"a\":", count: 100_000), String(repeating: "1", count: 1_000),
        ])
    func refused(text: String) {
        #expect(throws: JSONError.self) { try JSONValue(parsing: text.utf8) }
    }

    @Test func bytesThatAreNotUTF8AreRefused() {
        #expect(throws: JSONError.self) { try JSONValue(parsing: [0x22, 0xff, 0x22]) }
        #expect(throws: JSONError.self) { try JSONValue(parsing: [0x22, 0xc0, 0x80, 0x22]) }
    }

    @Test func whatIsWrittenReadsBack() throws {
        let value: JSONValue = [
            "text": "quote \" slash \\ line \n bell \u{7} ä 😀", "numbers": [1, -2, 0.5, 1_800_000_000.123],
            "flags": [true, false], "empty": [:], "nothing": .null,
        ]
        #expect(try JSONValue(parsing: value.bytes.readableBytesView) == value)
    }

    @Test func timestampsHaveNoExponent() {
        #expect(JSONValue.number(1_800_000_000).text == "1800000000")
        #expect(JSONValue.number(1_800_000_000.123).text == "1800000000.123")
    }

    @Test func absentMembersAreLeftOut() {
        #expect(JSONValue.members(["a": 1, "b": nil]).text == #"{"a":1}"#)
    }
}
