import Foundation
import Testing
import WeirCore
import WeirIdentity

/// What ends a session, and the tokens that were asked for with it.
@Suite struct SessionEndTests {
    enum End: String, CaseIterable, Sendable {
        case roleDeleted, roleRecreated, sessionsRevoked, accountDisabled
        case userDeleted, keyInactive, keyDeleted, userRevoked
    }

    /// One of each kind, with the ends that it has.
    private func expect(
        _ room: SessionRoom, _ session: SessionCredentials, is wanted: Refusal.Reason?, _ comment: Comment,
        at location: SourceLocation = #_sourceLocation
    ) async throws {
        let reason = try await room.reason { _ = try await room.caller(session) }
        #expect(reason == wanted, comment, sourceLocation: location)
    }

    private func end(_ end: End, _ room: SessionRoom) async throws {
        switch end {
        case .roleDeleted: try await room.run("DELETE FROM iam_entity WHERE name = 'ci'")
        case .roleRecreated:
            try await room.run("DELETE FROM iam_entity WHERE name = 'ci'")
            try await room.role(
                "ci", trust: SessionRoom.trust("arn:aws:iam::111122223333:user/ann"), id: "AROANEWNEWNEWNEWNEWNE")
        case .sessionsRevoked:
            room.pass(.seconds(1))
            try await room.revocations.revokeSessions(of: .role, named: "ci", in: SessionRoom.account)
        case .accountDisabled:
            try await room.run("INSERT INTO iam_account (account, created_at, disabled_at) VALUES ('111122223333', 1, 1)")
        case .userDeleted: try await room.run("DELETE FROM iam_entity WHERE name = 'ann'")
        case .keyInactive:
            try await room.run("UPDATE access_key SET status = 'Inactive' WHERE id = 'AKIAANN'")
            try await room.keys.load()
        case .keyDeleted: try await room.keys.remove(id: "AKIAANN")
        case .userRevoked:
            room.pass(.seconds(1))
            try await room.revocations.revokeSessions(of: .user, named: "ann", in: SessionRoom.account)
        }
    }

    @Test("Each end, for each kind of session and for the registry's tokens and links of each", arguments: End.allCases)
    func ends(by end: End) async throws {
        let room = try await SessionRoom()
        let tokens = room.tokens()
        let ann = try await room.user("ann", allowing: "*")
        let role = try await room.assume(
            try await room.role("ci", trust: SessionRoom.trust("arn:aws:iam::111122223333:user/ann")), by: ann)
        let own = try await room.sessions.sessionToken(
            for: ann, accessKeyID: "AKIAANN", lasting: nil, in: SessionRoom.region, at: room.now)
        let federated = try await room.sessions.federationToken(
            "fed", for: ann, accessKeyID: "AKIAANN", lasting: nil, policies: SessionPolicies(), tags: SessionTags(),
            in: SessionRoom.region, at: room.now)
        let registry = RegistryID(account: SessionRoom.account, region: SessionRoom.region)
        var passwords: [(name: String, header: String, link: String, isOver: Bool)] = []
        let isOfRole = [.roleDeleted, .roleRecreated, .sessionsRevoked].contains(end)
        let isOfUser = [.userDeleted, .keyInactive, .keyDeleted, .userRevoked].contains(end)
        let signers: [(String, Caller, String, Bool)] = [
            ("role", try await room.caller(role), role.accessKeyID, isOfRole || end == .accountDisabled),
            ("session", try await room.caller(own), own.accessKeyID, isOfUser || end == .accountDisabled),
            ("federated", try await room.caller(federated), federated.accessKeyID, isOfUser || end == .accountDisabled),
            ("user", ann, "AKIAANN", isOfUser || end == .accountDisabled),
            ("root", .root(of: SessionRoom.account), "AKIAROOT", end == .accountDisabled),
        ]
        for (name, caller, key, isOver) in signers {
            let password = try tokens.issue(for: caller, accessKeyID: key, region: registry.region, at: room.now).password
            let query = try tokens.links.query(for: "/v2/a", in: registry, by: caller, accessKeyID: key, at: room.now)
            let header = "Basic " + Data("AWS:\(password)".utf8).base64EncodedString()
            #expect(try await tokens.verify(basic: header, now: room.now).caller.principalARN == caller.principalARN)
            passwords.append((name, header, String(query.dropFirst("weir-signature=".count)), isOver))
        }
        try await self.end(end, room)
        try await expect(room, role, is: signers[0].3 ? .credentialsUnknown : nil, "the role's session")
        try await expect(room, own, is: signers[1].3 ? .credentialsUnknown : nil, "the user's session")
        try await expect(room, federated, is: signers[2].3 ? .credentialsUnknown : nil, "the federated user")
        for (name, header, link, isOver) in passwords {
            let password = try await room.reason { _ = try await tokens.verify(basic: header, now: room.now) }
            #expect(password == (isOver ? .tokenInvalid : nil), "the password of \(name)")
            let linked = try await room.reason {
                _ = try await tokens.links.verify(path: "/v2/a", parameter: { _ in link }, now: room.now)
            }
            #expect(linked == (isOver ? .tokenInvalid : nil), "the link of \(name)")
        }
    }

    @Test func afterARevocationNewSessionsAreMade() async throws {
        let room = try await SessionRoom()
        let ann = try await room.user("ann")
        let arn = try await room.role("ci", trust: SessionRoom.trust("arn:aws:iam::111122223333:user/ann"))
        room.pass(.seconds(1))
        try await room.revocations.revokeSessions(of: .role, named: "CI", in: SessionRoom.account)
        try await expect(room, try await room.assume(arn, by: ann), is: nil, "made at that moment")
        #expect(
            try await room.reason {
                try await room.revocations.revokeSessions(of: .role, named: "ann", in: SessionRoom.account)
            } == .noSuchEntity)
    }

    @Test func aSessionEndsAtItsTimeAndTheRegistrysTokenWhereTheSettingsSaySo() async throws {
        let room = try await SessionRoom()
        let ann = try await room.user("ann")
        let arn = try await room.role("ci", trust: SessionRoom.trust("arn:aws:iam::111122223333:user/ann"))
        let session = try await room.assume(arn, by: ann) { $0.duration = .seconds(900) }
        let caller = try await room.caller(session)
        let (going, tied) = (room.tokens(), room.tokens { $0.endsWithSession = true })
        let (password, end) = try going.issue(
            for: caller, accessKeyID: session.accessKeyID, region: SessionRoom.region, at: room.now)
        #expect(end == room.now + .seconds(43_200))
        #expect(
            try tied.issue(for: caller, accessKeyID: session.accessKeyID, region: SessionRoom.region, at: room.now).expiresAt
                == session.expiresAt)
        let header = "Basic " + Data("AWS:\(password)".utf8).base64EncodedString()
        room.pass(.seconds(899))
        try await expect(room, session, is: nil, "a second before")
        room.pass(.seconds(1))
        try await expect(room, session, is: .credentialsExpired, "at its end")
        #expect(try await going.verify(basic: header, now: room.now).caller == caller)
        // The setting binds tokens that were given out before it.
        #expect(try await room.reason { _ = try await tied.verify(basic: header, now: room.now) } == .tokenExpired)
        let short = room.tokens { $0.lifetime = .seconds(900) }
        #expect(try await room.reason { _ = try await short.verify(basic: header, now: room.now) } == .tokenExpired)
        let shorter = room.tokens { $0.lifetime = .seconds(901) }
        #expect(try await shorter.verify(basic: header, now: room.now).caller == caller)
    }

    @Test func aSessionOfAClockThatWasAheadIsOver() async throws {
        let room = try await SessionRoom()
        let ann = try await room.user("ann")
        let arn = try await room.role("ci", trust: SessionRoom.trust("arn:aws:iam::111122223333:user/ann"), hours: 12)
        let session = try await room.assume(arn, by: ann) { $0.duration = .seconds(43_200) }
        room.pass(.seconds(-7_200))
        try await expect(room, session, is: .credentialsExpired, "made in the future")
    }
}
