import Testing
import WeirCore

/// IAM's sentences for documents that are no policies, and the order in which it tells them.
@Suite struct PolicyFaultTests {
    private static func message(_ text: String, _ grammar: PolicyGrammar) -> String? {
        do throws(PolicyFault) {
            _ = try PolicyDocument(text, as: grammar, maxLength: 131_072)
            return nil
        } catch { return error.message }
    }

    @Test(arguments: [("identity", PolicyGrammar.identity), ("trust", .trust)])
    func refused(name: String, grammar: PolicyGrammar) throws {
        let cases = try CaseFile.list("Policies/\(name)-refused.json")
        #expect(cases.count >= 30)
        for refused in cases {
            let text = try refused.required("document")
            #expect(Self.message(text, grammar) == (try refused.required("message")), "\(text)")
        }
    }

    @Test(arguments: [("identity", PolicyGrammar.identity), ("trust", .trust)])
    func accepted(name: String, grammar: PolicyGrammar) throws {
        for text in try CaseFile.list("Policies/\(name)-accepted.json").compactMap(\.asText) {
            #expect(Self.message(text, grammar) == nil, "\(text)")
        }
    }

    /// One breach for each sentence, in the order of the sentences: the member of a statement and the version.
    private static let breaches: [(members: [String: String], version: String?)] = [
        (["Sid": "7"], nil), (["Principal": #""*""#], nil), ([:], "2008-10-17"), (["Effect": #""allow""#], nil),
        (["Sid": #""a b""#], nil), (["Action": "[]"], nil), (["Action": #""a""#], nil), (["Action": #""a:b:c""#], nil),
        (["Action": #""a b:c""#], nil), (["Resource": "[]"], nil), (["Resource": #""x""#], nil),
        (["Resource": #""arn:aws-moon:s3:::x""#], nil), (["Resource": #""arn:aws""#], nil),
        (["Resource": #""arn:aws:iam:r::user/a""#], nil), (["Resource": #""arn:aws:iam:::x""#], nil),
    ]

    private static func document(_ breaches: [(members: [String: String], version: String?)]) -> String {
        var members = ["Effect": #""Allow""#, "Action": #""s3:*""#, "Resource": #""*""#]
        for breach in breaches { members.merge(breach.members) { _, new in new } }
        let version = breaches.compactMap(\.version).first ?? "2012-10-17"
        let statement = members.sorted { $0.key < $1.key }.map { "\"\($0.key)\":\($0.value)" }.joined(separator: ",")
        return #"{"Version":"\#(version)","Statement":{\#(statement)}}"#
    }

    @Test func ofTwoFaultsTheEarlierIsTold() {
        for (place, first) in Self.breaches.enumerated() {
            let alone = Self.message(Self.document([first]), .identity)
            #expect(alone != nil)
            // Two breaches of one member cannot be in one document.
            for second in Self.breaches[(place + 1)...]
            where Set(first.members.keys).isDisjoint(with: second.members.keys) {
                #expect(Self.message(Self.document([first, second]), .identity) == alone, "\(first) and \(second)")
            }
        }
    }

    @Test func aResourcesPolicyIsNeitherOfTheOthers() {
        let text = #"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"ecr:*","Resource":"*"}}"#
        #expect(Self.message(text, .resource) == nil)
        #expect(Self.message(text, .identity) == "Policy document should not specify a principal.")
        #expect(Self.message(text, .trust) == "AssumeRole policy may only specify STS AssumeRole actions.")
    }

    @Test func aSavedPolicyHasNoAllowForAllButSome() throws {
        let text = #"{"Statement":{"Effect":"Allow","NotPrincipal":{"AWS":"111122223333"},"Action":"ecr:*"}}"#
        #expect(throws: PolicyFault.self) { try PolicyDocument(text).check(hangingOn: .repository) }
        try PolicyDocument(text.replacing("Allow", with: "Deny")).check(hangingOn: .repository)
    }
}
