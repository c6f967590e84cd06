import Foundation
import NIOCore
import Synchronization
import Testing
import WeirApplication
import WeirCore
import WeirIdentity
import WeirRegistry
import WeirSigV4
import WeirWeb

/// STS at its door: sessions that sign, what is refused to whom, and what the audit record shows of it.
@Suite struct STSTests {
    final class Lines: LineSink {
        private let kept = Mutex<[String]>([])
        func take(_ line: String) { kept.withLock { $0.append(line) } }
        var all: [String] { kept.withLock { $0 } }
        func last(_ name: String) throws -> JSONValue {
            let records = try all.map { try JSONValue(parsing: $0.utf8) }
            return try #require(records.last { $0["eventName"]?.string == name })
        }
    }

    /// An access key with its session token.
    struct Key: Sendable {
        var id: String
        var secret: String
        var token: String?
    }

    private static let trust =
        #"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/ann"},"Action":"sts:AssumeRole"}}"#
    private static let ann = Key(id: "AKIAANN", secret: TestAWS.secret)
    private static let role = "arn:aws:iam::111122223333:role/ci"

    /// A server with the user ann, who may do `ecr:*`, and the role ci, which trusts her and may describe repositories.
    private func house(_ lines: Lines? = nil) async throws -> TestAWS {
        let aws = try await TestAWS(audit: lines)
        try await aws.accessKeys.add(id: Self.ann.id, secret: Self.ann.secret, account: aws.id.account)
        let allow = { @Sendable (action: String) in
            #"{"Version":"2012-10-17","Statement":{"Sid":"all","Effect":"Allow","Action":"\#(action)","Resource":"*"}}"#
        }
        let deny = #"{"Version":"2012-10-17","Statement":{"Sid":"never","Effect":"Deny","Action":"ecr:Delete*","Resource":"*"}}"#
        _ = try await aws.application.ports.database.write { sql in
            for (id, kind, name) in [("AIDAANNANNANNANNANNAN", "user", "ann"), ("AROACICICICICICICICIC", "role", "ci")] {
                try sql.execute(
                    """
                    INSERT INTO iam_entity (id, account, kind, name, folded_name, path, created_at, changed_at, tags)
                    VALUES ($1, '111122223333', $2, $3, $3, '/', 1, 1, '{}')
                    """, [.text(id), .text(kind), .text(name)])
            }
            try sql.execute(
                "INSERT INTO iam_role (id, trust, trust_pins, max_session_seconds) VALUES ('AROACICICICICICICICIC', $1, '{}', 3600)",
                [.text(Self.trust)])
            for (owner, name, document) in [
                ("AIDAANNANNANNANNANNAN", "all", allow("*")), ("AROACICICICICICICICIC", "read", allow("ecr:*")),
                ("AROACICICICICICICICIC", "never", deny),
            ] {
                try sql.execute(
                    "INSERT INTO iam_inline_policy (owner_id, name, document) VALUES ($1, $2, $3)",
                    [.text(owner), .text(name), .text(document)])
            }
            try sql.execute(
                "UPDATE access_key SET is_root = 0, user_id = 'AIDAANNANNANNANNANNAN' WHERE id = $1", [.text(Self.ann.id)])
        }
        try await aws.accessKeys.load()
        return aws
    }

    private func signed(
        _ body: String, _ service: AWSService, by key: Key, target: String? = nil, signsToken: Bool = true,
        region: String = "us-east-1"
    ) -> AWSRequest {
        var headers = [(name: "Host", value: "localhost:5050")]
        headers.append(
            (name: "Content-Type", value: target == nil ? "application/x-www-form-urlencoded" : "application/x-amz-json-1.1"))
        if let target { headers.append((name: "X-Amz-Target", value: target)) }
        let signable = SignableRequest(method: "POST", rawPath: "/", rawQuery: "", headers: headers)
        var added = SigV4.sign(
            signable, payloadHash: SigV4.payloadHash(body.utf8),
            credential: SigV4Credential(
                accessKeyID: key.id, secret: Array(key.secret.utf8), sessionToken: signsToken ? key.token : nil),
            region: region, service: service.signingName, at: SigV4Time(seconds: TestAWS.now.microseconds / 1_000_000))
        if !signsToken, let token = key.token { added.append((name: "X-Amz-Security-Token", value: token)) }
        return AWSRequest(method: "POST", rawPath: "/", rawQuery: "", headers: headers + added, body: ByteBuffer(string: body))
    }

    private func ask(
        _ aws: TestAWS, _ form: String, _ service: AWSService = .sts, by key: Key, region: String = "us-east-1"
    ) async -> String {
        String(buffer: await aws.respond(to: signed(form, service, by: key, region: region)).body)
    }

    private func element(_ name: String, in xml: String) -> String {
        let rest = xml.components(separatedBy: "<\(name)>").dropFirst().first ?? ""
        return rest.components(separatedBy: "</\(name)>").first ?? ""
    }

    private func key(in xml: String) throws -> Key {
        let key = Key(
            id: element("AccessKeyId", in: xml), secret: element("SecretAccessKey", in: xml),
            token: element("SessionToken", in: xml))
        try #require(key.id.hasPrefix("ASIA"), "\(xml)")
        return key
    }

    private func assume(_ aws: TestAWS, by key: Key = ann, _ more: String = "") async throws -> Key {
        try self.key(
            in: await ask(aws, "Action=AssumeRole&Version=2011-06-15&RoleArn=\(Self.role)&RoleSessionName=run\(more)", by: key))
    }

    private static let identity = "Action=GetCallerIdentity&Version=2011-06-15"

    @Test func aRolesSessionSigns() async throws {
        let aws = try await house()
        let session = try await assume(aws)
        let told = await ask(aws, Self.identity, by: session)
        #expect(element("Arn", in: told) == "arn:aws:sts::111122223333:assumed-role/ci/run")
        #expect(element("UserId", in: told) == "AROACICICICICICICICIC:run")
        let listed = await aws.respond(
            to: signed("{}", .ecr, by: session, target: "AmazonEC2ContainerRegistry_V20150921.DescribeRepositories"))
        #expect(listed.status == 200)
        #expect(
            element(
                "Account",
                in: await ask(aws, "Action=GetAccessKeyInfo&Version=2011-06-15&AccessKeyId=\(session.id)", by: Self.ann))
                == "111122223333")
    }

    @Test func aTokenThatDoesNotFitIsAnUnknownKey() async throws {
        let aws = try await house()
        let (one, two) = (try await assume(aws), try await assume(aws))
        let unknown = "The security token included in the request is invalid"
        for key in [
            Key(id: one.id, secret: one.secret, token: nil), Key(id: one.id, secret: one.secret, token: two.token),
            Key(id: Self.ann.id, secret: Self.ann.secret, token: one.token), Key(id: one.id, secret: one.secret, token: "x"),
        ] {
            let query = await aws.respond(to: signed(Self.identity, .sts, by: key))
            #expect(query.status == 403)
            #expect(element("Code", in: String(buffer: query.body)) == "InvalidClientTokenId")
            #expect(element("Message", in: String(buffer: query.body)).hasPrefix(unknown))
            let json = await aws.respond(
                to: signed("{}", .ecr, by: key, target: "AmazonEC2ContainerRegistry_V20150921.DescribeRepositories"))
            #expect(try TestAWS.refusal(json) == "UnrecognizedClientException: \(unknown).")
        }
        let wrong = await ask(aws, Self.identity, by: Key(id: one.id, secret: two.secret, token: one.token))
        #expect(element("Code", in: wrong) == "SignatureDoesNotMatch")
        let outside = await aws.respond(to: signed(Self.identity, .sts, by: one, signsToken: false))
        #expect(outside.status >= 400 && String(buffer: outside.body).contains("not signed"))
    }

    @Test func temporaryCredentialsOfUsersReachNeitherIAMNorMostOfSTS() async throws {
        let aws = try await house()
        let own = try key(in: await ask(aws, "Action=GetSessionToken&Version=2011-06-15", by: Self.ann))
        let federated = try key(
            in: await ask(aws, "Action=GetFederationToken&Version=2011-06-15&Name=fed", by: Self.ann))
        #expect(element("Arn", in: await ask(aws, Self.identity, by: own)) == "arn:aws:iam::111122223333:user/ann")
        #expect(element("UserId", in: await ask(aws, Self.identity, by: federated)) == "111122223333:fed")
        for key in [own, federated] {
            let iam = await ask(aws, "Action=GetUser&Version=2010-05-08", .iam, by: key)
            #expect(element("Code", in: iam) == "InvalidClientTokenId")
            let info = await ask(aws, "Action=GetAccessKeyInfo&Version=2011-06-15&AccessKeyId=\(key.id)", by: key)
            #expect(element("Code", in: info) == "InvalidClientTokenId")
            for (operation, more) in [("GetSessionToken", ""), ("GetFederationToken", "&Name=other")] {
                let told = await ask(aws, "Action=\(operation)&Version=2011-06-15\(more)", by: key)
                #expect(element("Message", in: told) == "Cannot call \(operation) with session credentials")
            }
        }
        #expect(try await assume(aws, by: own).id.hasPrefix("ASIA"))
        let refused = await ask(
            aws, "Action=AssumeRole&Version=2011-06-15&RoleArn=\(Self.role)&RoleSessionName=run", by: federated)
        #expect(element("Code", in: refused) == "InvalidClientTokenId")
        // Without a policy of its own a federated user may nothing.
        let listed = await aws.respond(
            to: signed("{}", .ecr, by: federated, target: "AmazonEC2ContainerRegistry_V20150921.DescribeRepositories"))
        #expect(try TestAWS.refusal(listed).contains("because no session policy allows"))
        let mfa = await ask(aws, "Action=GetSessionToken&Version=2011-06-15&TokenCode=123456", by: Self.ann)
        #expect(element("Code", in: mfa) == "AccessDenied")
    }

    @Test(arguments: ["us-east-1", "cn-north-1", "us-gov-west-1"])
    func theRegionOfASignatureIsNoWayPastADeny(region: String) async throws {
        let aws = try await house()
        let account = "arn:aws:iam::111122223333"
        let denies = """
            {"Version":"2012-10-17","Statement":[
            {"Effect":"Deny","Action":"sts:AssumeRole","Resource":"\(account):role/ci"},
            {"Effect":"Deny","Action":"sts:GetFederationToken","Resource":"arn:aws:sts::111122223333:federated-user/fed"},
            {"Effect":"Deny","Action":"iam:*","Resource":"*","Condition":{"ArnEquals":{"aws:PrincipalArn":"\(account):user/ann"}}}]}
            """
        let document = try #require(denies.addingPercentEncoding(withAllowedCharacters: .alphanumerics))
        let put = "Action=PutUserPolicy&Version=2010-05-08&UserName=ann&PolicyName=denies&PolicyDocument=\(document)"
        let root = Key(id: TestAWS.accessKeyID, secret: TestAWS.secret, token: nil)
        #expect(await aws.respond(to: signed(put, .iam, by: root)).status == 200)
        for (form, service) in [
            ("Action=AssumeRole&Version=2011-06-15&RoleArn=\(Self.role)&RoleSessionName=run", AWSService.sts),
            ("Action=GetFederationToken&Version=2011-06-15&Name=fed", .sts), ("Action=ListUsers&Version=2010-05-08", .iam),
        ] {
            let told = await ask(aws, form, service, by: Self.ann, region: region)
            #expect(element("Code", in: told) == "AccessDenied", "\(told)")
            #expect(element("Message", in: told).hasPrefix("User: \(account):user/ann is not authorized"), "\(told)")
        }
    }

    @Test func aDenialCanBeDecoded() async throws {
        let aws = try await house()
        let session = try await assume(aws)
        let target = "AmazonEC2ContainerRegistry_V20150921.DeleteRepository"
        let denied = await aws.respond(to: signed(#"{"repositoryName":"a/b"}"#, .ecr, by: session, target: target))
        #expect(try TestAWS.refusal(denied).contains("with an explicit deny in an identity-based policy"))
        let message = try #require(denied.header("X-Weir-Authorization-Message"))
        #expect(message.utf8.count <= 10_240)
        let form = "Action=DecodeAuthorizationMessage&Version=2011-06-15&EncodedMessage="
        let decoded = element("DecodedMessage", in: await ask(aws, form + message, by: Self.ann))
            .replacingOccurrences(of: "&quot;", with: "\"")
        let document = try JSONValue(parsing: decoded.utf8)
        #expect(document["allowed"] == false && document["explicitDeny"] == true)
        let statement = try #require(document["matchedStatements"]?["items"]?.array.first)
        #expect(statement["statementId"] == "never" && statement["effect"] == "DENY")
        #expect(statement["actions"]?["items"]?.array == [["value": "ecr:Delete*"]])
        #expect(statement["principals"]?["items"]?.array == [["value": "AROACICICICICICICICIC"]])
        #expect(document["context"]?["principal"]?["id"] == "AROACICICICICICICICIC:run")
        #expect(document["context"]?["action"] == "ecr:DeleteRepository")
        let forged = await ask(aws, form + "B" + message.dropFirst(), by: Self.ann)
        #expect(element("Code", in: forged) == "InvalidAuthorizationMessageException")
        // Whether a role is there is told by no header.
        let missing = await aws.respond(
            to: signed(
                "Action=AssumeRole&Version=2011-06-15&RoleArn=\(Self.role)x&RoleSessionName=run", .sts, by: Self.ann))
        #expect(missing.status == 403 && missing.header("X-Weir-Authorization-Message") == nil)
    }

    @Test func theAuditRecordHasCloudTrailsForms() async throws {
        let lines = Lines()
        let aws = try await house(lines)
        let session = try await assume(aws)
        let assumed = try lines.last("AssumeRole")
        #expect(assumed["userIdentity"]?["type"] == "IAMUser" && assumed["userIdentity"]?["userName"] == "ann")
        #expect(assumed["requestParameters"]?["RoleArn"]?.string == Self.role)
        #expect(assumed["responseElements"]?["AssumedRoleUser"]?["Arn"] == "arn:aws:sts::111122223333:assumed-role/ci/run")
        #expect(assumed["responseElements"]?["Credentials"]?["AccessKeyId"]?.string == session.id)
        _ = await aws.respond(
            to: signed(
                #"{"repositoryName":"a/b"}"#, .ecr, by: session, target: "AmazonEC2ContainerRegistry_V20150921.DeleteRepository"))
        let denied = try lines.last("DeleteRepository")
        let identity = try #require(denied["userIdentity"])
        #expect(identity["type"] == "AssumedRole" && identity["accessKeyId"]?.string == session.id)
        #expect(identity["sessionContext"]?["sessionIssuer"]?["arn"]?.string == Self.role)
        #expect(identity["sessionContext"]?["attributes"]?["mfaAuthenticated"] == "false")
        #expect(denied["weirDecision"]?["sid"] == "never" && denied["weirDecision"]?["verdict"] == "explicitDeny")
        let own = try key(in: await ask(aws, "Action=GetSessionToken&Version=2011-06-15", by: Self.ann))
        _ = await ask(aws, Self.identity, by: own)
        #expect(try lines.last("GetCallerIdentity")["userIdentity"]?["sessionContext"] != nil)
        let everything = lines.all.joined()
        for secret in [session.secret, session.token ?? "", own.secret, own.token ?? ""] {
            #expect(!secret.isEmpty && !everything.contains(secret))
        }
    }

    @Test func onlyOneOperationNeedsNoSignature() async throws {
        let lines = Lines()
        let aws = try await house(lines)
        func send(_ form: String, url: String = "", headers: [(name: String, value: String)] = []) async -> AWSResponse {
            let all = [
                (name: "Host", value: "localhost:5050"), (name: "Content-Type", value: "application/x-www-form-urlencoded"),
            ]
            return await aws.respond(
                to: AWSRequest(
                    method: "POST", rawPath: "/", rawQuery: url, headers: all + headers, body: ByteBuffer(string: form)))
        }
        let form = "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=\(Self.role)&RoleSessionName=job"
        let canary = "e30.planted-canary.x"
        let refused = await send("\(form)&WebIdentityToken=\(canary)")
        #expect(refused.status == 400 && element("Code", in: String(buffer: refused.body)) == "InvalidIdentityToken")
        #expect(try lines.last("AssumeRoleWithWebIdentity")["userIdentity"] == ["type": "WebIdentityUser"])
        for answer in [
            await send(Self.identity),
            await send("Action=AssumeRole&Version=2011-06-15&RoleArn=\(Self.role)&RoleSessionName=job"),
            await send("Action=CreateUser&Version=2010-05-08&UserName=eve"), await send(""),
            await send("Action=DescribeRepositories"),
            await send("\(form)&WebIdentityToken=\(canary)", url: "Action=GetCallerIdentity"),
            await send("\(form)&WebIdentityToken=\(canary)", headers: [(name: "Authorization", value: "Bearer x")]),
        ] {
            #expect(answer.status == 403 || answer.status == 400)
            #expect(String(buffer: answer.body).contains("MissingAuthenticationToken"), "\(String(buffer: answer.body))")
        }
        #expect(!lines.all.joined().contains("planted-canary"))
        // An address that keeps failing has to wait.
        for _ in 0..<70 { _ = await send(Self.identity) }
        #expect(element("Code", in: String(buffer: await send("\(form)&WebIdentityToken=\(canary)").body)) == "Throttling")
    }
}
