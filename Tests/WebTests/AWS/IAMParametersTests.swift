import Foundation
import TestSupport
import Testing
import WeirApplication
import WeirCore
import WeirRegistry
import WeirWeb

/// IAM's and STS's members: what fits, and the sentences for what does not.
@Suite struct IAMParametersTests {
    private static let account = "111122223333"

    private static func call(
        _ input: JSONValue, _ service: AWSService = .iam, account: String = account
    ) throws -> AWSCall {
        guard case .object(let members) = input else { throw Refusal(.validation, "no object") }
        let account = try AccountID(account)
        return AWSCall(
            registry: RegistryID(account: account, region: try Region("us-east-1")),
            caller: .root(of: account),
            accessKeyID: "AKIA", requestID: "1", now: Timestamp(seconds: 0),
            input: Parameters(members, service: service, encoding: .form),
            settings: AWSSettings(publicHost: "localhost:5050", scheme: .http, home: Application.testHome))
    }

    /// The message of a refusal; nil where there is none.
    private static func told(_ read: () throws -> Void) throws -> String? {
        do { try read() } catch let violations as Violations { return violations.refusal.message } catch let refusal as Refusal {
            #expect(refusal.reason == .validation)
            return refusal.message
        }
        return nil
    }

    private typealias Reader = @Sendable (AWSCall) throws -> Void
    private struct Row: Sendable {
        let member: String
        let read: Reader
        let good: [String]
        let bad: [String]
    }

    private static let rows: [Row] = [
        Row(
            member: "UserName", read: { _ = try $0.userName() }, good: ["a", "A_z0+=,.@-", String(repeating: "u", count: 128)],
            bad: ["", "a b", "a/b", "ä", "a\u{0}", "a*", "a?", "\u{212A}", String(repeating: "u", count: 129)]),
        Row(
            member: "UserName", read: { _ = try $0.shortUserName() }, good: [String(repeating: "u", count: 64)],
            bad: [String(repeating: "u", count: 65)]),
        Row(
            member: "RoleName", read: { _ = try $0.roleName() }, good: [String(repeating: "r", count: 64)],
            bad: [String(repeating: "r", count: 65)]),
        Row(member: "GroupName", read: { _ = try $0.groupName() }, good: ["g"], bad: ["", "g:h"]),
        Row(
            member: "Path", read: { _ = try $0.path() }, good: ["/", "/a/", "/a/b//c!~/", "///"],
            bad: ["", "a", "/a", "a/", "//", "/a b/", "/ä/", "/\u{7f}/", "/" + String(repeating: "a", count: 511) + "/"]),
        Row(
            member: "Path", read: { _ = try $0.policyPath() }, good: ["/", "/a/", "/a/b/"], bad: ["//", "/a!/", "/a", "/a//b/"]),
        Row(
            member: "PathPrefix", read: { _ = try $0.pathPrefix() }, good: ["/", "/team", "/team/", "/%_\\"],
            bad: ["", "team", "/a b", "/\u{80}", "/" + String(repeating: "a", count: 512)]),
        Row(
            member: "PolicyArn", read: { _ = try $0.arn("PolicyArn") }, good: ["arn:aws:iam::aws:policy/X"],
            bad: ["arn", String(repeating: "a", count: 2_049)]),
        Row(
            member: "VersionId", read: { _ = try $0.policyVersion() }, good: ["v1", "v10", "v1.", "v2.a-B3"],
            bad: ["", "1", "v", "v0", "v01", "V1", "v1.2.3", "v1 ", "v1._"]),
        Row(
            member: "PolicyDocument", read: { _ = try $0.policyDocument("PolicyDocument") }, good: ["{\t\r\n ÿ}"],
            bad: ["", "Ā", "\u{0}", "\u{1f}", "🙂", String(repeating: "x", count: 131_073)]),
        Row(
            member: "Description", read: { _ = try $0.roleDescription() }, good: ["", "a\r\nb ÿ¡"],
            bad: ["\u{7f}", "\u{a0}", "Ā"]),
        Row(
            member: "AccessKeyId", read: { _ = try $0.accessKeyIDParameter() }, good: ["AKIAIOSFODNN7EXAMPLE"],
            bad: ["AKIA", "AKIAIOSFODNN7EXAMPL-"]),
        Row(
            member: "AccountAlias", read: { _ = try $0.accountAlias() },
            good: ["abc", "a-b-c", String(repeating: "a", count: 63)],
            bad: ["ab", "-ab", "ab-", "a--b", "Abc", "a_b", String(repeating: "a", count: 64)]),
        Row(
            member: "MaxSessionDuration", read: { _ = try $0.maxSessionDuration() }, good: ["3600", "43200"],
            bad: ["3599", "43201", "-1"]),
    ]

    @Test func boundsAndPatterns() throws {
        for row in Self.rows {
            for text in row.good {
                #expect(try Self.told { try row.read(Self.call([row.member: .string(text)])) } == nil, "\(row.member) '\(text)'")
            }
            for text in row.bad {
                let message = try Self.told { try row.read(Self.call([row.member: .string(text)])) } ?? "nothing"
                let member = row.member.prefix(1).lowercased() + row.member.dropFirst()
                #expect(
                    message.contains("detected: Value at '\(member)' failed to satisfy constraint: Member must "),
                    "\(row.member) '\(text.prefix(40))': \(message)")
            }
        }
    }

    @Test func sentencesOfIAMLeaveTheValueOut() throws {
        let long = String(repeating: "u", count: 65)
        #expect(
            try Self.told { _ = try Self.call(["UserName": .string(long)]).shortUserName() }
                == "1 validation error detected: Value at 'userName' failed to satisfy constraint: Member must have length less than or "
                + "equal to 64")
        #expect(
            try Self.told { _ = try Self.call([:]).userName() }
                == "1 validation error detected: Value at 'userName' failed to satisfy constraint: Member must not be null")
        enum Status: String, CaseIterable { case active = "Active", inactive = "Inactive" }
        #expect(
            try Self.told { _ = try Self.call(["Status": "Gone"]).input.choice("Status", Status.self) }
                == "1 validation error detected: Value at 'status' failed to satisfy constraint: Member must satisfy enum value set"
        )
        #expect(
            try Self.told { _ = try Self.call(["TagKeys": ["a", ""]]).tagKeys() }
                == "1 validation error detected: Value at 'tagKeys' failed to satisfy constraint: Member must satisfy constraint: "
                + #"[Member must have length less than or equal to 128, Member must have length greater than or equal to 1, "#
                + #"Member must satisfy regular expression pattern: [\p{L}\p{Z}\p{N}_.:/=+\-@]+, Member must not be null]"#)
        #expect(
            try Self.told { _ = try Self.call(["Filter": ["User", "x"]]).input.optionalChoices("Filter", Status.self) }
                == "1 validation error detected: Value at 'filter' failed to satisfy constraint: Member must satisfy constraint: "
                + "[Member must satisfy enum value set, Member must not be null]")
    }

    @Test func severalViolationsAreToldTogether() throws {
        let call = try Self.call([
            "UserName": "a b", "Path": "x", "Tags": [["Key": "", "Value": "v"], ["Key": "good", "Value": "v"], ["Key": "k"]],
        ])
        let message = try Self.told { _ = try call.validated({ try $0.userName() }, { try $0.path() }, { try $0.tags() }) } ?? ""
        let parts = message.dropFirst("5 validation errors detected: ".count).components(separatedBy: "; ")
        #expect(message.hasPrefix("5 validation errors detected: ") && parts.count == 5)
        #expect(
            parts.map { String($0.split(separator: "'")[1]) }
                == ["userName", "path", "tags.1.member.key", "tags.1.member.key", "tags.3.member.value"])
    }

    @Test func whatIsGoodIsReadTogether() throws {
        let call = try Self.call(["UserName": "bob", "Tags": [["Key": "a b", "Value": ""]]])
        let (name, path, tags) = try call.validated({ try $0.userName() }, { try $0.path() }, { try $0.tags() })
        #expect(name == "bob" && path == "/" && tags == [ResourceTag(key: "a b", value: "")])
    }

    /// An error that is no violation is not collected.
    @Test func aMalformedMemberIsToldAtOnce() throws {
        let call = try Self.call(["UserName": "a b", "Tags": "x"])
        let refusal = #expect(throws: Refusal.self) { _ = try call.validated({ try $0.userName() }, { try $0.tags() }) }
        #expect(refusal?.reason == .malformedInput)
    }

    @Test func fiftyTagsAreTheMost() throws {
        let tags = (1...51).map { JSONValue.object(["Key": .string("k\($0)"), "Value": "v"]) }
        #expect(try Self.call(["Tags": .array(tags.dropLast())]).tags().count == 50)
        #expect(
            try Self.told { _ = try Self.call(["Tags": .array(tags)]).tags() }
                == "1 validation error detected: Value at 'tags' failed to satisfy constraint: Member must have length less than or equal "
                + "to 50")
        #expect(try Self.call(["Tags": ""]).tags().isEmpty && Self.call([:]).tags().isEmpty)
        #expect(try Self.told { _ = try Self.call([:]).requiredTags() } != nil)
        let letters = ["ß", "名前", "a:b/c=d+e-f@g.h_i", "٣", " "]
        for key in letters { #expect(try Self.call(["Tags": [["Key": .string(key), "Value": ""]]]).tags().count == 1) }
        for key in ["a*", "a;b", "🙂", "a\u{0}", "a\t"] {
            #expect(try Self.told { _ = try Self.call(["Tags": [["Key": .string(key), "Value": ""]]]).tags() } != nil, "\(key)")
        }
    }

    @Test func aThousandViolationsAreCountedAndFiftyTold() throws {
        let entries = (1...1_000).map { _ in JSONValue.object(["arn": "x"]) }
        let message = try Self.told { _ = try Self.call(["PolicyArns": .array(entries)], .sts).sessionPolicyARNs() } ?? ""
        #expect(message.hasPrefix("1000 validation errors detected: ") && message.components(separatedBy: "; ").count == 50)
        #expect(message.contains("Value 'x' at 'policyArns.1.member.arn' failed"))
    }

    // MARK: STS

    @Test func sentencesOfSTSShowTheValue() throws {
        #expect(
            try Self.told { _ = try Self.call(["RoleSessionName": "Session1:2"], .sts).roleSessionName() }
                == "1 validation error detected: Value 'Session1:2' at 'roleSessionName' failed to satisfy constraint: Member must "
                + #"satisfy regular expression pattern: [\w+=,.@-]*"#)
        #expect(
            try Self.told { _ = try Self.call([:], .sts).roleSessionName() }
                == "1 validation error detected: Value null at 'roleSessionName' failed to satisfy constraint: Member must not be null"
        )
        #expect(
            try Self.told { _ = try Self.call(["DurationSeconds": "899"], .sts).durationSeconds(900...43_200) }
                == "1 validation error detected: Value '899' at 'durationSeconds' failed to satisfy constraint: Member must have value "
                + "greater than or equal to 900")
    }

    @Test func aTokenIsInNoSentence() throws {
        let token = "eyJ" + String(repeating: "secret", count: 4_000)
        for read: Reader in [{ _ = try $0.webIdentityToken() }, { _ = try $0.encodedMessage() }] {
            let message = try Self.told {
                try read(Self.call(["WebIdentityToken": .string(token), "EncodedMessage": .string(token)], .sts))
            }
            #expect(message?.contains("Value at '") == true && message?.contains("secret") == false)
        }
    }

    // MARK: Pages

    private static func page(_ input: JSONValue, of listing: String = "ListUsers", account: String = account) throws
        -> IAMPageRequest
    {
        try IAMPageRequest(try call(input, account: account), of: listing)
    }

    @Test func pagesFollowEachOther() throws {
        let first = try Self.page([:])
        #expect(first.limit == 100 && first.after == nil)
        let answer = first.answer(["a", "b"], next: "b/ö\nc", as: "Users") { .string($0) }
        #expect(answer["IsTruncated"] == true && answer["Users"] == ["a", "b"])
        let marker = try #require(answer["Marker"])
        let second = try Self.page(["Marker": marker, "MaxItems": "7"])
        #expect(second.after == "b/ö\nc" && second.limit == 7)
        let last = second.answer([], next: nil, as: "Users") { (text: String) in .string(text) }
        #expect(last == ["IsTruncated": false, "Users": []])
    }

    @Test func aMarkerIsOfItsListingAndAccount() throws {
        let marker = try #require(try Self.page([:]).answer(["a"], next: "a", as: "Users") { .string($0) }["Marker"])
        let strange: [() throws -> Void] = [
            { _ = try Self.page(["Marker": marker], of: "ListRoles") },
            { _ = try Self.page(["Marker": marker], of: "List") },
            { _ = try Self.page(["Marker": marker], account: "444455556666") },
        ]
        for read in strange { #expect(try Self.told(read) == "Invalid Marker.") }
        for text in ["x", "AA==", "====", "a\u{0}", "\u{ff}", "TGlzdFVzZXJzCg"] {
            #expect(try Self.told { _ = try Self.page(["Marker": .string(text)]) } != nil, "\(text)")
        }
        for text in ["0", "1001", "-1"] {
            #expect(try Self.told { _ = try Self.page(["MaxItems": .string(text)]) }?.contains("'maxItems'") == true)
        }
        #expect(try Self.told { _ = try Self.page(["Marker": ""]) }?.contains("at 'marker' failed") == true)
    }
}
