import Testing
import WeirCore

@Suite struct PolicyTextTests {
    private static let user = "arn:aws:iam::111122223333:user/team/bob"
    private static let role = "arn:aws:iam::111122223333:role/ci"
    private static let session = "arn:aws:sts::111122223333:assumed-role/ci/run1"

    private static let text = """
        { "Id":"AWS \\u00fc", "Statement" : [ {"Sid":"\(user)","Effect":"Allow",
          "Principal":{"AWS":[ "\(user)" ,"111122223333","arn:aws:iam::111122223333:role\\/ci"],"Service":"x.amazonaws.com"},"Action":"ecr:*",
          "Condition":{"ArnEquals":{"aws:PrincipalArn":"\(user)"},"StringEquals":{"AWS":"\(user)"}}},
        \t{"Effect":"Deny","NotPrincipal":{"\\u0041WS":"\(session)"},"Action":"ecr:*"} ] }
        """

    @Test func theArnsThatAreSavedWithAnID() throws {
        let document = try PolicyDocument(Self.text)
        #expect(document.principalARNs == [Self.user, Self.role, Self.session])
        #expect(PolicyText(Self.text).principalTexts == [Self.user, "111122223333", Self.role, Self.session])
    }

    @Test func whatIsGoneIsReadBackAsItsID() throws {
        let pins = [
            Self.user: "AIDAEXAMPLEEXAMPLE000", Self.role: "AROAEXAMPLEEXAMPLE000", Self.session: "AROAEXAMPLEEXAMPLE000",
        ]
        let living = ["AIDAEXAMPLEEXAMPLE000": Self.user, "AROAEXAMPLEEXAMPLE000": Self.role]
        #expect(PolicyDocument.readBack(Self.text, pins: pins, living: living) == Self.text)
        #expect(PolicyDocument.readBack(Self.text, pins: [:], living: [:]) == Self.text)
        let gone = PolicyDocument.readBack(Self.text, pins: pins, living: ["AROAEXAMPLEEXAMPLE000": Self.role])
        // The Sid and the conditions keep the ARN.
        #expect(gone == Self.text.replacing(#"[ "\#(Self.user)""#, with: #"[ "AIDAEXAMPLEEXAMPLE000""#))
        #expect(try PolicyDocument(gone).principalIDs == ["AIDAEXAMPLEEXAMPLE000"])
        let moved = PolicyDocument.readBack(
            Self.text, pins: pins, living: ["AIDAEXAMPLEEXAMPLE000": Self.user + "2", "AROAEXAMPLEEXAMPLE000": Self.role])
        #expect(try PolicyDocument(moved).principalARNs.first == Self.user + "2")
    }

    @Test func whereTheStatementsStand() throws {
        let text = PolicyText(Self.text)
        let bytes = Array(Self.text.utf8)
        #expect(text.statements.count == 2)
        for statement in text.statements {
            let part = String(decoding: bytes[statement], as: UTF8.self)
            #expect(part.hasPrefix("{") && part.hasSuffix("}"))
            #expect(throws: Never.self) { try JSONValue(parsing: part.utf8) }
        }
        #expect(text.position(of: 0) == PolicyText.Position(line: 1, column: 1))
        #expect(text.position(of: text.statements[1].lowerBound) == PolicyText.Position(line: 4, column: 2))
        #expect(PolicyText("not json").statements.isEmpty)
        #expect(PolicyText("not json").replacingPrincipals { _ in "x" } == "not json")
        #expect(PolicyText(#"{"Statement":{"Principal":"*"}}"#).statements == [13..<30])
    }

    /// A caller of the name, as a new user would be: another id.
    @Test func aPinnedPrincipalIsNoNamesake() throws {
        let account = try AccountID("111122223333")
        let document = try PolicyDocument(
            #"{"Statement":{"Effect":"Allow","Principal":{"AWS":["\#(Self.user)","\#(Self.session)"]},"Action":"ecr:*"}}"#,
            pins: [Self.user: "AIDAEXAMPLEEXAMPLE000", Self.session: "AROAEXAMPLEEXAMPLE000"])
        func answer(_ caller: Caller) -> ResourcePolicyAnswer {
            document.answer(
                to: AuthorizationRequest(
                    caller: caller, action: "ecr:PutImage", resource: "*", owner: account, context: PolicyContext()))
        }
        func user(_ id: String, _ arn: String) -> Caller { .user(IAMIdentity(id: id, arn: arn, name: "bob"), of: account) }
        #expect(answer(user("AIDAEXAMPLEEXAMPLE000", Self.user)) == .allows(.direct))
        #expect(answer(user("AIDAEXAMPLEEXAMPLE001", Self.user)) == .isSilent)
        // Renamed since.
        #expect(answer(user("AIDAEXAMPLEEXAMPLE000", Self.role)) == .allows(.direct))
        let times = (Timestamp(seconds: 0), Timestamp(seconds: 900))
        func session(_ id: String, _ name: String) -> Caller {
            .session(
                of: IAMIdentity(id: id, arn: Self.role, name: "ci"), named: name, in: account,
                session: CallerSession(accessKeyID: "ASIAX", issuedAt: times.0, expiresAt: times.1))
        }
        #expect(answer(session("AROAEXAMPLEEXAMPLE000", "run1")) == .allows(.direct))
        #expect(answer(session("AROAEXAMPLEEXAMPLE000", "run2")) == .isSilent)
        #expect(answer(session("AROAEXAMPLEEXAMPLE001", "run1")) == .isSilent)
    }
}
