import WeirCore

/// A generator of pseudo-random numbers: the same seed makes the same policies everywhere.
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var word = state
        word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
        return word ^ (word >> 31)
    }

    mutating func pick<Element>(_ list: [Element]) -> Element { list[Int.random(in: 0..<list.count, using: &self)] }
    mutating func isOne(of count: Int) -> Bool { Int.random(in: 0..<count, using: &self) == 0 }
    mutating func some<Element>(_ list: [Element], most: Int = 2) -> [Element] {
        (0..<Int.random(in: 1...most, using: &self)).map { _ in pick(list) }
    }
}

/// Policies and requests from alphabets so small that about half of them match.
struct PolicyGenerator {
    static let home = "111111111111"
    static let other = "222222222222"
    var random: SeededRandom

    static let actions = ["ecr:PutImage", "ecr:BatchGetImage", "iam:CreateUser"]
    static let patterns = ["ecr:PutImage", "ecr:*", "*", "ECR:Batch*", "iam:*", "ecr:?utImage", "iam:CreateUser"]
    static let resources = [
        "arn:aws:ecr:us-east-1:111111111111:repository/a", "arn:aws:ecr:us-east-1:111111111111:repository/a/b", "*",
        "arn:aws:ecr:us-east-1:111111111111:repository/*", "arn:aws:ecr:us-east-1:111111111111:repository/ab",
    ]
    static let resourcePatterns = [
        "*", "arn:aws:ecr:*:*:repository/*", "arn:aws:ecr:us-east-1:111111111111:repository/a", "arn:*:ecr:*:*:repository/a*",
        "arn:aws:ecr:*:111111111111:repository/${aws:PrincipalTag/t}", "arn:aws:ecr:*:*:repository/?/b", "arn:aws-cn:ecr:*:*:*",
        "arn:aws:ecr:*:*:repository/${aws:RequestTag/t}/*",
    ]
    static let keys = ["aws:PrincipalTag/t", "aws:TagKeys", "aws:RequestTag/t"]
    static let values = ["a", "b", "*", "A"]
    static let operands = ["a", "b", "*", "a*", "?", "${aws:PrincipalTag/t}", "${aws:RequestTag/t}"]
    static let operators = [
        "StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringEqualsIgnoreCase", "StringEqualsIfExists",
        "StringNotLikeIfExists", "ForAllValues:StringEquals", "ForAnyValue:StringEquals", "ForAllValues:StringNotEquals",
        "ForAnyValue:StringNotEquals", "ForAllValues:StringLike", "ForAnyValue:StringLikeIfExists", "Null",
    ]
    static let principals: [(kind: String, name: String)] = [
        ("AWS", "*"), ("AWS", home), ("AWS", "arn:aws:iam::\(home):root"), ("AWS", other), ("AWS", "arn:aws:iam::\(home):user/u"),
        ("AWS", "arn:aws:iam::\(home):role/p/r"), ("AWS", "arn:aws:sts::\(home):assumed-role/r/s"),
        ("AWS", "arn:aws:sts::\(home):federated-user/f"), ("AWS", "AIDAEXAMPLEEXAMPLE0"), ("AWS", "AROAEXAMPLEEXAMPLE0"),
        ("AWS", "arn:aws:iam::\(other):user/u"), ("Service", "x.amazonaws.com"),
    ]

    mutating func statement(hasPrincipal: Bool) -> SlowStatement {
        var statement = SlowStatement()
        statement.isDeny = random.isOne(of: 4)
        statement.actions = random.some(Self.patterns)
        statement.isNotAction = random.isOne(of: 6)
        if hasPrincipal {
            statement.principals = random.some(Self.principals, most: 4)
            statement.isNotPrincipal = statement.isDeny && random.isOne(of: 2)
        }
        if !hasPrincipal || random.isOne(of: 2) {
            statement.resources = random.some(Self.resourcePatterns)
            statement.isNotResource = random.isOne(of: 5)
        }
        if random.isOne(of: 2) {
            for _ in 0..<Int.random(in: 1...2, using: &random) {
                let operation = random.pick(Self.operators)
                let operands = operation == "Null" ? [random.pick(["true", "false"])] : random.some(Self.operands)
                statement.conditions.append((operation, random.pick(Self.keys), operands))
            }
        }
        return statement
    }

    mutating func policy(hasPrincipal: Bool) -> [SlowStatement] {
        (0..<Int.random(in: 1...3, using: &random)).map { _ in statement(hasPrincipal: hasPrincipal) }
    }

    mutating func context() -> [String: [String]] {
        var context: [String: [String]] = [:]
        for key in Self.keys where !random.isOne(of: 3) {
            context[key.lowercased()] = key == "aws:TagKeys" ? random.some(Self.values, most: 3) : [random.pick(Self.values)]
        }
        return context
    }

    mutating func caller() throws -> (Caller, SlowCaller) {
        let account = random.isOne(of: 4) ? Self.other : Self.home
        let id = try AccountID(account)
        let user = IAMIdentity(id: "AIDAEXAMPLEEXAMPLE0", arn: "arn:aws:iam::\(account):user/u", name: "u")
        let role = IAMIdentity(id: "AROAEXAMPLEEXAMPLE0", arn: "arn:aws:iam::\(account):role/p/r", name: "r")
        let session = CallerSession(
            accessKeyID: "ASIAX", issuedAt: Timestamp(seconds: 0), expiresAt: Timestamp(seconds: 900))
        let kind = random.pick(["root", "user", "user", "session", "session", "federated", "anonymous"])
        let caller: Caller =
            switch kind {
            case "root": .root(of: id)
            case "user": .user(user, of: id)
            case "session": .session(of: role, named: "s", in: id, session: session)
            case "federated": .federated("f", by: user, in: id, partition: "aws", session: session)
            default: .anonymous(at: id)
            }
        return (
            caller,
            SlowCaller(
                kind: kind, account: account, arn: caller.principalARN, identityARN: caller.identity?.arn,
                identityID: caller.identity?.id)
        )
    }
}

extension SlowStatement {
    /// The statement as a policy writes it.
    var json: JSONValue {
        var members: [String: JSONValue] = ["Effect": isDeny ? "Deny" : "Allow"]
        members[isNotAction ? "NotAction" : "Action"] = .array(actions.map { .string($0) })
        if let resources { members[isNotResource ? "NotResource" : "Resource"] = .array(resources.map { .string($0) }) }
        if let principals {
            let kinds = Dictionary(grouping: principals, by: \.kind).mapValues { list in
                JSONValue.array(list.map { .string($0.name) })
            }
            members[isNotPrincipal ? "NotPrincipal" : "Principal"] = .object(kinds)
        }
        if !conditions.isEmpty {
            let operators = Dictionary(grouping: conditions, by: \.operation).mapValues { lines in
                JSONValue.object(
                    Dictionary(lines.map { ($0.key, JSONValue.array($0.operands.map { .string($0) })) }) { first, _ in first })
            }
            members["Condition"] = .object(operators)
        }
        return .object(members)
    }

    /// Without a second condition of one operator and key: an object holds one.
    var withoutRepeats: SlowStatement {
        var seen: Set<String> = []
        var copy = self
        copy.conditions = conditions.filter { seen.insert($0.operation + " " + $0.key).inserted }
        return copy
    }
}
