import Foundation
import Testing
import WeirCore
import WeirIdentity

/// Users' access keys as passwords of the registry.
@Suite struct UserPasswordTests {
    private static func basic(_ name: String, _ password: String) -> String {
        "Basic " + Data("\(name):\(password)".utf8).base64EncodedString()
    }

    private func outcome(
        _ tokens: RegistryTokens, _ header: String, _ room: SessionRoom, from address: String = "127.0.0.1",
        isSecure: Bool = false
    ) async throws -> String {
        try await RequestOrigin.$current.withValue(RequestOrigin(address: address, isSecure: isSecure)) {
            do {
                return try await tokens.verify(basic: header, now: room.now).caller.principalARN
            } catch let refusal as Refusal { return refusal.message }
        }
    }

    @Test func aUserSignsInWithAKey() async throws {
        let room = try await SessionRoom()
        try await room.user("ann")
        let tokens = room.tokens()
        let (good, bad) = (Self.basic("AKIAANN", "secret-of-ann"), Self.basic("AKIAANN", "secret-of-anm"))
        let arn = "arn:aws:iam::111122223333:user/ann"
        // Twice: the second time from memory.
        for _ in 0..<2 {
            #expect(try await outcome(tokens, good, room) == arn)
            #expect(try await outcome(tokens, good, room, from: "::1") == arn)
            #expect(try await outcome(tokens, good, room, from: "10.0.0.1", isSecure: true) == arn)
            #expect(try await outcome(tokens, good, room, from: "10.0.0.1").contains("plain HTTP"))
        }
        let foreign = try await outcome(tokens, bad, room)
        #expect(foreign.contains("not one of this registry's"))
        for header in [
            Self.basic("AKIANOBODY", "secret-of-ann"), Self.basic("AKIAANN", ""), Self.basic("AKIAANN", "secret-of-ann "),
            Self.basic("ann", "secret-of-ann"), Self.basic("AKIAROOT", "secret-of-root"), Self.basic("ASIAANN", "secret-of-ann"),
        ] {
            #expect(try await outcome(tokens, header, room) == foreign, "\(header)")
        }
        #expect(try await outcome(tokens, Self.basic("AKIAROOT", "root-secret"), room).contains("root signs in with"))
        #expect(try await outcome(room.tokens { $0.takesUserKeys = false }, good, room) == foreign)
        let session = try await room.sessions.sessionToken(
            for: try await room.credentials.signer("AKIAANN", sessionToken: nil, at: room.now).caller, accessKeyID: "AKIAANN",
            lasting: nil, in: SessionRoom.region, at: room.now)
        #expect(try await outcome(tokens, Self.basic(session.accessKeyID, session.secretAccessKey), room) == foreign)
        #expect(try await outcome(tokens, Self.basic("AKIAANN", session.secretAccessKey), room) == foreign)
    }

    @Test func aKeyAndItsUserEndThePassword() async throws {
        for statement in [
            "UPDATE access_key SET status = 'Inactive' WHERE id = 'AKIAANN'", "DELETE FROM access_key WHERE id = 'AKIAANN'",
            "DELETE FROM iam_entity WHERE name = 'ann'",
            "INSERT INTO iam_account (account, created_at, disabled_at) VALUES ('111122223333', 1, 1)",
        ] {
            let room = try await SessionRoom()
            try await room.user("ann")
            let (tokens, header) = (room.tokens(), Self.basic("AKIAANN", "secret-of-ann"))
            #expect(try await outcome(tokens, header, room).hasPrefix("arn:"))
            try await room.run(statement)
            try await room.keys.load()
            #expect(try await outcome(tokens, header, room).contains("not one of this registry's"), "\(statement)")
        }
    }
}
