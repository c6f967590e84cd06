import Crypto
import Foundation
import Testing
import WeirCore
import WeirIdentity
import WeirText
import WeirVault

/// Session tokens, and each kind of secret at the doors of the others.
@Suite struct SessionTokenTests {
    private static let direct = SessionRoom.trust("arn:aws:iam::111122223333:user/ann")

    @Test func theAccountStandsInTheIdOfAKey() throws {
        for number in ["000000000000", "000000000001", "111122223333", "609629065308", "999999999999"] {
            let account = try AccountID(number)
            for prefix in ["AKIA", "ASIA"] {
                let id = AccessKeyID.new(prefix, in: account)
                #expect(id.utf8.count == 20 && id.hasPrefix(prefix) && AccessKeyID.account(of: id) == account)
            }
        }
        // Ids of AWS's own that have been published.
        #expect(AccessKeyID.account(of: "ASIAQNZGKIQY56JQ7WML")?.description == "029608264753")
        #expect(AccessKeyID.account(of: "ASIAY34FZKBOKMUTVV7A")?.description == "609629065308")
        for text in ["", "AKIA", "AKIAIOSFODNN7EXAMPL1", "XXIAY34FZKBOKMUTVV7A", "ASIAY34FZKBOKMUTVV7AA", "ASIA77777777777777"] {
            #expect(AccessKeyID.account(of: text) == nil, "\(text)")
        }
    }

    @Test func everyChangedCharacterIsNoticed() async throws {
        let room = try await SessionRoom()
        let ann = try await room.user("ann")
        let arn = try await room.role("ci", trust: Self.direct)
        let session = try await room.assume(arn, by: ann)
        let again = try await room.assume(arn, by: ann)
        #expect(try await room.caller(session).principalARN == "arn:aws:sts::111122223333:assumed-role/ci/run")
        #expect(try await room.caller(session).userID == "AROAAAAAAAAAAAAAAAACI:run")
        func isUnknown(_ token: String?, _ key: String = session.accessKeyID) async throws -> Bool {
            try await room.reason {
                _ = try await room.credentials.signer(key, sessionToken: token, at: room.now)
            } == .credentialsUnknown
        }
        let token = Array(session.sessionToken.utf8)
        for index in token.indices {
            var changed = token
            changed[index] = changed[index] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
            #expect(try await isUnknown(String(decoding: changed, as: UTF8.self)), "\(index)")
        }
        for count in stride(from: 0, to: token.count, by: 7) {
            #expect(try await isUnknown(String(decoding: token.prefix(count), as: UTF8.self)))
        }
        let spliced = String(session.sessionToken.prefix(100)) + String(again.sessionToken.dropFirst(100))
        #expect(try await isUnknown(spliced))
        #expect(try await isUnknown(session.sessionToken + "A"))
        #expect(try await isUnknown(session.sessionToken + "="))
        #expect(try await isUnknown(again.sessionToken))
        #expect(try await isUnknown(nil))
        #expect(try await isUnknown(session.sessionToken, "AKIAANN"))
        #expect(try await isUnknown(String(repeating: "A", count: 100_000)))
    }

    @Test func aSecretBelongsToItsTokenAlone() async throws {
        let room = try await SessionRoom()
        let ann = try await room.user("ann")
        let arn = try await room.role("ci", trust: Self.direct)
        let (one, two) = (try await room.assume(arn, by: ann), try await room.assume(arn, by: ann))
        let signer = try await room.credentials.signer(one.accessKeyID, sessionToken: one.sessionToken, at: room.now)
        #expect(String(decoding: signer.secret, as: UTF8.self) == one.secretAccessKey)
        #expect(one.secretAccessKey.utf8.count == 40 && one.secretAccessKey != two.secretAccessKey)
        #expect(!"\(one) \(signer)".contains(one.secretAccessKey) && !String(reflecting: one).contains(one.sessionToken))
        var dumped = ""
        dump(signer, to: &dumped)
        dump(one, to: &dumped)
        #expect(!dumped.contains(one.secretAccessKey) && !dumped.contains(one.sessionToken))
    }

    @Test("One kind of secret opens no other door")
    func kinds() async throws {
        let room = try await SessionRoom()
        let tokens = room.tokens()
        let ann = try await room.user("ann")
        let session = try await room.assume(try await room.role("ci", trust: Self.direct), by: ann)
        let caller = try await room.caller(session)
        let registry = RegistryID(account: SessionRoom.account, region: SessionRoom.region)
        let password = try tokens.issue(
            for: caller, accessKeyID: session.accessKeyID, region: registry.region, at: room.now
        ).password
        let link = try String(
            tokens.links.query(for: "/v2/a", in: registry, by: caller, accessKeyID: session.accessKeyID, at: room.now)
                .dropFirst("weir-signature=".count))
        let messages = AuthorizationMessages(rootKey: room.rootKey)
        let message = try #require(messages.seal("{}", for: SessionRoom.account))
        #expect(messages.open(message, of: SessionRoom.account) == "{}")
        #expect(messages.open(message, of: SessionRoom.other) == nil)
        for (kind, secret) in ["session": session.sessionToken, "registry": password, "link": link, "message": message] {
            if kind != "session" {
                let reason = try await room.reason {
                    _ = try await room.credentials.signer(session.accessKeyID, sessionToken: secret, at: room.now)
                }
                #expect(reason == .credentialsUnknown, "\(kind) as a session")
            }
            if kind != "registry" {
                let header = "Basic " + Data("AWS:\(secret)".utf8).base64EncodedString()
                let reason = try await room.reason { _ = try await tokens.verify(basic: header, now: room.now) }
                #expect(reason == .tokenInvalid, "\(kind) as a registry's token")
            }
            if kind != "link" {
                let reason = try await room.reason {
                    _ = try await tokens.links.verify(path: "/v2/a", parameter: { _ in secret }, now: room.now)
                }
                #expect(reason == .tokenInvalid, "\(kind) as a link")
            }
            if kind != "message" { #expect(messages.open(secret, of: SessionRoom.account) == nil, "\(kind) as a message") }
        }
        let other = try await room.reason {
            _ = try await tokens.links.verify(path: "/v2/b", parameter: { _ in link }, now: room.now)
        }
        #expect(other == .tokenInvalid)
    }

    @Test func whatDoesNotFitIsTooLarge() async throws {
        let room = try await SessionRoom()
        let ann = try await room.user("ann")
        let arn = try await room.role(
            "ci", trust: SessionRoom.trust("arn:aws:iam::111122223333:user/ann", "sts:AssumeRole sts:TagSession"))
        let tags = (0..<50).map {
            ResourceTag(key: "\($0)" + String(repeating: "k", count: 100), value: String(repeating: "v", count: 256))
        }
        #expect(
            try await room.reason { _ = try await room.assume(arn, by: ann) { $0.tags = SessionTags(tags) } }
                == .packedPolicyTooLarge)
        var sizes: [Int] = []
        for count in [1, 4, 7] {
            let session = try await room.assume(arn, by: ann) { $0.tags = SessionTags(Array(tags.prefix(count))) }
            #expect(session.sessionToken.utf8.count <= SessionTokens.maxCharacters)
            sizes.append(try #require(session.packedPolicySize))
            #expect(try await room.caller(session).session?.tags == Array(tags.prefix(count)))
        }
        #expect(sizes == sizes.sorted() && sizes.allSatisfy { (1...100).contains($0) })
        #expect(try await room.assume(arn, by: ann).packedPolicySize == nil)
        let long =
            #"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#
            + String(repeating: " ", count: 2_048)
        #expect(
            try await room.reason { _ = try await room.assume(arn, by: ann) { $0.policies = SessionPolicies(document: long) } }
                == .packedPolicyTooLarge)
    }

    /// The first version's tokens, as a release before this one has given them out.
    @Test func anOlderTokenWorksUntilItsEnd() async throws {
        let room = try await SessionRoom()
        let end = room.now + .seconds(3_600)
        var bytes: [UInt8] = [1]
        withUnsafeBytes(of: end.microseconds.bigEndian) { bytes += $0 }
        bytes += Array("111122223333".utf8)
        for text in ["us-east-1", "AKIAROOT"] { bytes += [UInt8(text.utf8.count)] + Array(text.utf8) }
        bytes += Array(HMAC<SHA256>.authenticationCode(for: bytes, using: room.rootKey.derive("registry-token")))
        let header = "Basic " + Data("AWS:\(Base64URL.encode(bytes))".utf8).base64EncodedString()
        #expect(try await room.tokens().verify(basic: header, now: room.now).caller.isRoot)
        room.pass(.seconds(3_600))
        #expect(try await room.reason { _ = try await room.tokens().verify(basic: header, now: room.now) } == .tokenExpired)
    }
}
