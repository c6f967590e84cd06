import WeirCore

/// One case of Tests/Cases/Authorization.
struct AuthorizationCase {
    let name: String
    let request: AuthorizationRequest
    let layers: PolicyLayers
    /// `allow`, or the kind of denial and the layer.
    let expected: String
    let decider: String?

    static let home = "111111111111"
    static let other = "222222222222"
    private static let app = "arn:aws:ecr:us-east-1:\(home):repository/app"

    static func all(in file: String) throws -> [AuthorizationCase] {
        try CaseFile.list("Authorization/\(file)").map { try AuthorizationCase($0.filled) }
    }

    private init(_ value: JSONValue) throws {
        name = try value.required("n")
        let expected = try value.required("is")
        self.expected = expected == "allow" ? expected : "\(expected)(\(try value.required("why")))"
        decider = value["by"]?.asText
        let owner = try AccountID(value["owner"]?.asText ?? Self.home)
        let caller = try Self.caller(value["who"] ?? .null, owner)
        let tags = (value["tags"]?.members ?? [:]).map { ResourceTag(key: $0.key, value: $0.value.asText ?? "") }
        var context = PolicyContext(
            of: caller, principalTags: tags, from: RequestOrigin(), at: Timestamp(seconds: 2_000_000_000), owner: owner,
            in: try Region("us-east-1"))
        for (key, values) in value["context"]?.members ?? [:] { context[key] = values.list.compactMap(\.asText) }
        request = AuthorizationRequest(
            caller: caller, action: try value.required("ask"), resource: value["on"]?.asText ?? Self.app, owner: owner,
            isStrict: value["strict"] == true, context: context)
        let grammar: PolicyGrammar = request.action.hasPrefix("sts:AssumeRole") ? .trust : .resource
        let pins = (value["pins"]?.members ?? [:]).compactMapValues(\.asText)
        layers = PolicyLayers(
            resource: try Self.policies(value["resource"], grammar, pins) ?? [],
            caller: CallerPolicies(
                identity: try Self.policies(value["identity"], .identity) ?? [],
                boundary: try Self.policies(value["boundary"], .identity),
                session: try Self.policies(value["session"], .identity), tags: tags))
    }

    private static func policies(
        _ value: JSONValue?, _ grammar: PolicyGrammar, _ pins: [String: String] = [:]
    ) throws -> [NamedPolicy]? {
        try value?.list.enumerated().map { place, policy in
            let document: JSONValue =
                policy["Statement"] == nil ? ["Version": "2012-10-17", "Statement": .array([policy])] : policy
            return NamedPolicy(.resource("policy \(place)"), try PolicyDocument(document.text, as: grammar, pins: pins))
        }
    }

    private static func caller(_ who: JSONValue, _ owner: AccountID) throws -> Caller {
        let account = try who["account"]?.asText.map { try AccountID($0) } ?? owner
        let name = who["name"]?.asText
        func identity(_ kind: String, _ prefix: String) throws -> IAMIdentity {
            let name = try who.required("name")
            return IAMIdentity(
                id: who["id"]?.asText ?? "\(prefix)EXAMPLE\(name.uppercased())",
                arn: "arn:aws:iam::\(account):\(kind)\(who["path"]?.asText ?? "/")\(name)", name: name)
        }
        let session = CallerSession(
            accessKeyID: "ASIAEXAMPLE", issuedAt: Timestamp(seconds: 1_999_999_000), expiresAt: Timestamp(seconds: 2_000_003_000))
        switch try who.required("kind") {
        case "root": return .root(of: account)
        case "user": return .user(try identity("user", "AIDA"), of: account)
        case "session":
            return .session(of: try identity("role", "AROA"), named: try who.required("session"), in: account, session: session)
        case "federated":
            let user = try name.map { _ in try identity("user", "AIDA") }
            return .federated(try who.required("session"), by: user, in: account, partition: "aws", session: session)
        case "service":
            let service = try who.required("name")
            return Caller(account: account, kind: .service(service), principalARN: service, userID: service)
        case "anonymous": return .anonymous(at: account)
        case "webIdentity":
            return .webIdentity(
                "subject", userID: "issuer:audience:subject", vouchedForBy: try who.required("provider"), at: account)
        case let kind: throw CaseError("'\(kind)' is no kind of caller")
        }
    }
}

extension AuthorizationDecision {
    /// As the cases write it.
    var word: String {
        switch verdict {
        case .allowed: "allow"
        case .explicitDeny(let layer): "explicitDeny(\(layer.rawValue))"
        case .implicitDeny(let layer): "implicitDeny(\(layer.rawValue))"
        }
    }
}

extension JSONValue {
    /// The accounts in place of `{H}`, `{X}` and of an account that is called `H` or `X`.
    fileprivate var filled: JSONValue {
        switch self {
        case .null, .bool, .integer, .number: self
        case .string("H"): .string(AuthorizationCase.home)
        case .string("X"): .string(AuthorizationCase.other)
        case .string(let text): .string(text.filled)
        case .array(let values): .array(values.map(\.filled))
        case .object(let members):
            .object(Dictionary(uniqueKeysWithValues: members.map { ($0.key.filled, $0.value.filled) }))
        }
    }
}

extension String {
    fileprivate var filled: String {
        replacing("{H}", with: AuthorizationCase.home).replacing("{X}", with: AuthorizationCase.other)
    }
}
