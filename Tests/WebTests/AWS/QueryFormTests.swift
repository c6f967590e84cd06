import Testing
import WeirCore
import WeirWeb

/// Query's forms become structures and lists.
@Suite struct QueryFormTests {
    private static func input(_ texts: [String]) throws -> JSONValue {
        var form = QueryForm()
        for text in texts { try form.add(text[...].utf8) }
        return .object(try form.input())
    }

    private static let forms: [(String, JSONValue)] = [
        ("Action=X&Version=2010-05-08", [:]), ("", [:]), ("a", ["a": ""]), ("&&a=b&", ["a": "b"]), ("a=b=c", ["a": "b=c"]),
        ("MaxItems=5&Flag=true&a+b=%2B+c", ["MaxItems": "5", "Flag": "true", "a b": "+ c"]),
        ("Tags.member.1.Key=a&Tags.member.1.Value=b", ["Tags": [["Key": "a", "Value": "b"]]]),
        ("Tags%2Emember.1.Key=a", ["Tags": [["Key": "a"]]]), ("Tags=", ["Tags": ""]),
        ("A.member.2=y&A.member.10=z&A.member.1=x", ["A": ["x", "y", "z"]]),
        ("A.member.7=x&A.member.1000=y", ["A": ["x", "y"]]),
        ("E.member.1.K=n&E.member.1.V.member.1=p&E.member.1.V.member.2=q", ["E": [["K": "n", "V": ["p", "q"]]]]),
        ("A.B.C.D=e&A.B.F=g", ["A": ["B": ["C": ["D": "e"], "F": "g"]]]), ("Tags.1.Key=a", ["Tags": ["1": ["Key": "a"]]]),
        ("member=a", ["member": "a"]), ("X-Amz-Date=1&X-Amz-Date=2&a=b", ["a": "b"]),
        ("1.2.3.4.5.6.7.8=a", ["1": ["2": ["3": ["4": ["5": ["6": ["7": ["8": "a"]]]]]]]]),
    ]

    @Test(arguments: forms) func structures(form: String, wanted: JSONValue) throws {
        #expect(try Self.input([form]) == wanted)
    }

    @Test(
        "What is no form of Query is refused",
        arguments: [
            "A.member.0=x", "A.member.01=x", "A.member.-1=x", "A.member.+1=x", "A.member.1e3=x", "A.member.1001=x",
            "A.member.9223372036854775808=x", "A.member.18446744073709551617=x", "A.member.%D9%A1=x", "A.member.=x",
            "A.member.%201=x", "A.member.x.Key=y", "A.member=x", "A.member=", "A.member.1=x&A.other=y", "A.member.1=x&A.1=y",
            "A=x&A.B=y", "A=x&A.member.1=y", "A=&A.member.1=y", "A.member.1=x&A.member.1.B=y", ".=x", "..=x", ".......=x", "A.=x",
            ".A=x", "A..B=x", "=x", "1.2.3.4.5.6.7.8.9=a", String(repeating: ".", count: 100_000),
            String(repeating: "a.", count: 100_000),
        ])
    func malformed(form: String) throws {
        let refusal = try #require(#expect(throws: Refusal.self) { try Self.input([form]) })
        #expect(refusal.reason == .malformedInput && refusal.message.utf8.count < 400)
        #expect(AWSError(refusal, for: .iam).code == "MalformedInput" && AWSError(refusal, for: .sts).status == 400)
    }

    @Test(
        "A name is there once",
        arguments: [
            ["Action=A&Action=B"], ["Action=A", "Action=B"], ["Action=A", "Action=A"], ["Action=A&action=B"],
            ["Action=A", "ACTION=A"],
            ["A.member.1=x&A.member.1=x"], ["A.member.1.Key=x&A.member.1.key=x"], ["a=&a="], ["a&a"], ["%61=1&a=2"],
        ])
    func twice(texts: [String]) throws {
        let refusal = try #require(#expect(throws: Refusal.self) { try Self.input(texts) })
        #expect(refusal.reason == .malformedRequest)
        #expect(AWSError(refusal, for: .iam).code == "MalformedQueryString")
    }

    @Test func aThousandParametersAreTheMost() throws {
        let form = (1...1_000).map { "A.member.\($0)=\($0)" }
        #expect(try Self.input([form.joined(separator: "&")])["A"]?.array.count == 1_000)
        for texts in [[form.joined(separator: "&") + "&b=c"], [form.joined(separator: "&"), "b=c"]] {
            #expect(throws: Refusal.self) { try Self.input(texts) }
        }
        let deep = (1...1_000).map { "A.B.C.D.E.F.G.x\($0)=1" }.joined(separator: "&")
        #expect(try Self.input([deep])["A"]?["B"]?["C"]?["D"]?["E"]?["F"]?["G"]?.names.count == 1_000)
    }
}

/// The readers of a call's input, over a form.
@Suite struct FormParametersTests {
    private static func form(_ text: String, _ service: AWSService = .iam) throws -> Parameters {
        var form = QueryForm()
        try form.add(text[...].utf8)
        return Parameters(try form.input(), service: service, encoding: .form)
    }

    @Test(arguments: [("5", 5), ("-5", -5), ("0", 0), ("007", 7), ("9223372036854775807", .max), ("-9223372036854775808", .min)])
    func integers(text: String, wanted: Int64) throws {
        #expect(try Self.form("N=\(text)").integer("N") == wanted)
    }

    @Test(
        arguments: [
            "", "-", "%2B5", "5.0", "1e3", "0x10", "%205", "5%20", "five", "NaN", "9223372036854775808", "-9223372036854775809",
            "99999999999999999999999999", "%D9%A5", "true", "5%00",
        ])
    func whatIsNoIntegerIsRefused(text: String) throws {
        let input = try Self.form("N=\(text)")
        let refusal = try #require(#expect(throws: Refusal.self) { try input.optionalInteger("N", 1...1_000) })
        #expect(refusal.reason == .malformedInput)
    }

    @Test func truthValues() throws {
        #expect(try Self.form("F=true").optionalBool("F") == true)
        #expect(try Self.form("F=false").optionalBool("F") == false)
        #expect(try Self.form("").optionalBool("F") == nil)
        for text in ["", "True", "1", "yes", "member.1=true"] {
            #expect(throws: Refusal.self) { try Self.form("F\(text.contains("member") ? "." : "=")\(text)").optionalBool("F") }
        }
    }

    @Test func whatIsWrittenAsAnotherTypeIsRefusedInAWSsWords() throws {
        let texts: [(String, (Parameters) throws -> Void, String)] = [
            ("A.member.1=x", { _ = try $0.string("A") }, "Start of list found where not expected."),
            ("A.B=x", { _ = try $0.string("A") }, "Start of structure or map found where not expected."),
            ("A=x", { _ = try $0.strings("A") }, "Unexpected list element termination"),
            ("A.1=x", { _ = try $0.strings("A") }, "Start of structure or map found where not expected"),
            ("A=x", { _ = try $0.object("A") }, "Unexpected complex element termination"),
            ("A.member.1=x", { _ = try $0.objects("A") }, "Unexpected complex element termination"),
            ("A.member.1=x", { _ = try $0.object("A") }, "Start of list found where not expected"),
            ("A.member.1.B=x", { _ = try $0.strings("A") }, "Start of structure or map found where not expected."),
            ("A=x", { _ = try $0.integer("A") }, "STRING_VALUE can not be converted to an Integer"),
        ]
        for (text, read, sentence) in texts {
            let input = try Self.form(text)
            let refusal = try #require(#expect(throws: Refusal.self, "\(text)") { try read(input) })
            #expect(refusal.reason == .malformedInput && refusal.message == sentence, "\(text)")
        }
    }

    @Test func aListWithoutElementsIsAnEmptyText() throws {
        let input = try Self.form("Tags=&S=")
        #expect(try input.objects("Tags").isEmpty && input.strings("S").isEmpty)
        #expect(try input.string("S").isEmpty)
    }

    /// JSON's readers are as strict as before: a number is no text, and a text no number.
    @Test func inJSONATextIsNoNumber() {
        let input = Parameters(["N": "5", "F": "true", "L": ""], service: .kms)
        #expect(throws: Refusal.self) { try input.optionalInteger("N") }
        #expect(throws: Refusal.self) { try input.optionalBool("F") }
        #expect(throws: Refusal.self) { try input.optionalStrings("L") }
    }
}
