import WeirCore
import WeirIdentity

/// IAM's policy simulator, and the keys that a simulation of policies needs.
struct SimulationOperations: Sendable {
    let sources: PolicySources
    let may: PolicyPermission

    /// Characters of documents that one answer reads, over and over: after that the page ends.
    private static let longestReading = 20_000_000

    var table: [AWSOperation] {
        [
            AWSOperation(.iam, "SimulateCustomPolicy", may: .account, answers: Self.shape, { try await custom($0) }),
            AWSOperation(.iam, "SimulatePrincipalPolicy", may: onSource, answers: Self.shape, { try await principal($0) }),
            AWSOperation(.iam, "GetContextKeysForCustomPolicy", may: .account, { try await keysOfCustom($0) }),
            AWSOperation(.iam, "GetContextKeysForPrincipalPolicy", may: onSource, { try await keysOfPrincipal($0) }),
        ]
    }

    private static let shape = AnswerShape.maps("EvalDecisionDetails")

    /// On the user, group or role whose policies are read.
    private var onSource: OperationPermission {
        PolicyPermission.on { call in
            let arn = try call.arn("PolicySourceArn")
            guard let owner = PolicySources.owner(arn), owner.account == call.caller.account else {
                return PolicyPermission.Target(arn: may.canonical(arn))
            }
            let entity = try await may.inline.entity(owner)
            return PolicyPermission.Target(
                arn: entity?.arn(partition: may.partition) ?? may.canonical(arn),
                facts: PolicyPermission.tagged(entity?.tags ?? []), shown: may.canonical(arn))
        }
    }

    // MARK: Context keys

    private func keysOfCustom(_ call: AWSCall) async throws -> JSONValue {
        let documents = try call.input.required("PolicyInputList", try call.optionalPolicyDocuments("PolicyInputList"))
        return Self.keys(try PolicyContextKeys.named(by: documents))
    }

    private func keysOfPrincipal(_ call: AWSCall) async throws -> JSONValue {
        let (arn, documents) = try call.validated(
            { try $0.arn("PolicySourceArn") }, { try $0.optionalPolicyDocuments("PolicyInputList") })
        let source = try await sources.source(arn, in: call.caller.account)
        return Self.keys(try PolicyContextKeys.named(by: source.documents + (documents ?? [])))
    }

    private static func keys(_ keys: [String]) -> JSONValue { ["ContextKeyNames": .array(keys.map { .string($0) })] }

    // MARK: Simulations

    private func custom(_ call: AWSCall) async throws -> JSONValue {
        let input = try SimulationInput(call)
        let documents = try call.input.required("PolicyInputList", input.documents)
        let caller = try input.caller(else: nil, in: call.caller.account, may.partition)
        return try answer(
            call, input, try input.simulation(of: Self.passed(documents), boundary: nil, by: caller), "SimulateCustomPolicy")
    }

    private func principal(_ call: AWSCall) async throws -> JSONValue {
        let arn = try call.arn("PolicySourceArn")
        let input = try SimulationInput(call)
        let source = try await sources.source(arn, in: call.caller.account)
        let caller = try input.caller(else: source.entity, in: call.caller.account, may.partition)
        let policies = source.policies + (try Self.passed(input.documents ?? []))
        return try answer(
            call, input, try input.simulation(of: policies, boundary: source.boundary, by: caller),
            "SimulatePrincipalPolicy \(source.entity.id)")
    }

    private static func passed(_ documents: [String]) throws -> [SimulatedPolicy] {
        try documents.enumerated().map { try SimulatedPolicy("PolicyInputList.\($0.adding(1))", $1) }
    }

    private func answer(
        _ call: AWSCall, _ input: SimulationInput, _ simulation: PolicySimulation, _ listing: String
    ) throws -> JSONValue {
        let page = try IAMPageRequest(call, of: listing)
        let resources = input.resources
        let all = input.actions.count.multiplied(by: resources.count)
        let start = min(max(page.after.flatMap { Int($0) } ?? 0, 0), all)
        let affordable = max(1, Self.longestReading / max(simulation.size, 1))
        let end = min(start.adding(min(page.limit, affordable)), all)
        let missing = simulation.missingKeys
        let results = (start..<end).map { index in
            let (action, resource) = (input.actions[index / resources.count], resources[index % resources.count])
            return Self.result(action, resource, simulation.answer(action, on: resource), missing)
        }
        return page.answer(results, next: end < all ? "\(end)" : nil, as: "EvaluationResults") { $0 }
    }

    private static func result(
        _ action: String, _ resource: String, _ answer: PolicySimulation.Answer, _ missing: [String]
    ) -> JSONValue {
        let matches = JSONValue.array(
            answer.matches.map { match in
                [
                    "SourcePolicyId": .string(match.policy), "SourcePolicyType": "IAM Policy",
                    "StartPosition": match.place.start.json, "EndPosition": match.place.end.json,
                ]
            })
        let missing = JSONValue.array(missing.map { .string($0) })
        let bounded: JSONValue? = answer.isAllowedByBoundary.map { ["AllowedByPermissionsBoundary": .bool($0)] }
        let verdict = JSONValue.string(answer.verdict.rawValue)
        return .members([
            "EvalActionName": .string(action), "EvalResourceName": .string(resource), "EvalDecision": verdict,
            "MatchedStatements": matches, "MissingContextValues": missing, "EvalDecisionDetails": [:],
            "OrganizationsDecisionDetail": ["AllowedByOrganizations": true], "PermissionsBoundaryDecisionDetail": bounded,
            "ResourceSpecificResults": [
                .members([
                    "EvalResourceName": .string(resource), "EvalResourceDecision": verdict, "MatchedStatements": matches,
                    "MissingContextValues": missing, "PermissionsBoundaryDecisionDetail": bounded,
                ])
            ],
        ])
    }
}

extension PolicyText.Position {
    fileprivate var json: JSONValue { ["Line": .integer(Int64(line)), "Column": .integer(Int64(column))] }
}

/// What both simulations take.
private struct SimulationInput {
    let actions: [String]
    /// `*` where none is named.
    let resources: [String]
    let documents: [String]?
    private let boundaries: [String]?
    private let resourcePolicy: String?
    private let resourceOwner: String?
    private let callerARN: String?
    private let context: PolicyContext

    init(_ call: AWSCall) throws {
        let (actions, resources, documents, boundaries, resourcePolicy, resourceOwner, callerARN, context, _) =
            try call.validated(
                { try $0.input.strings("ActionNames", length: 3...128) },
                { try $0.input.optionalStrings("ResourceArns", length: 1...2_048) },
                { try $0.optionalPolicyDocuments("PolicyInputList") },
                { try $0.optionalPolicyDocuments("PermissionsBoundaryPolicyInputList") },
                { try $0.optionalPolicyDocument("ResourcePolicy") },
                { try $0.input.optionalString("ResourceOwner", length: 1...2_048) },
                { try $0.input.optionalString("CallerArn", length: 1...2_048) },
                { try Self.context($0) },
                { try $0.input.optionalString("ResourceHandlingOption", length: 1...64) })
        guard !actions.isEmpty else { throw call.input.refusal(.lengthAtLeast(1), nil, "ActionNames") }
        guard boundaries?.count ?? 0 <= 1 else {
            throw Refusal(.iamInvalidInput, "You can specify only one permissions boundary policy.")
        }
        for action in actions where action.split(separator: ":", omittingEmptySubsequences: false).count != 2 {
            throw Refusal(.iamInvalidInput, "Invalid Action: \(action)")
        }
        self.actions = actions
        self.resources = resources.flatMap { $0.isEmpty ? nil : $0 } ?? ["*"]
        self.documents = documents
        self.boundaries = boundaries
        self.resourcePolicy = resourcePolicy
        self.resourceOwner = resourceOwner
        self.callerARN = callerARN
        self.context = context
    }

    private enum KeyType: String, CaseIterable {
        case string, stringList, numeric, numericList, boolean, booleanList, ip, ipList, binary, binaryList, date, dateList
    }

    private static func context(_ call: AWSCall) throws -> PolicyContext {
        var context = PolicyContext()
        for entry in try call.input.optionalObjects("ContextEntries") ?? [] {
            let (name, values, _) = try entry.validated(
                { try $0.optionalString("ContextKeyName", length: 5...256) }, { try $0.optionalStrings("ContextKeyValues") },
                { try $0.optionalChoice("ContextKeyType", KeyType.self) })
            if let name { context[name] += values ?? [] }
        }
        return context
    }

    func simulation(
        of policies: [SimulatedPolicy], boundary: [SimulatedPolicy]?, by caller: Caller
    ) throws -> PolicySimulation {
        var boundary = boundary
        if let passed = boundaries?.first { boundary = [try SimulatedPolicy("PermissionsBoundaryPolicyInputList.1", passed)] }
        return PolicySimulation(
            policies: policies, boundary: boundary,
            resourcePolicy: try resourcePolicy.map { try SimulatedPolicy("ResourcePolicy", $0, as: .resource) }, caller: caller,
            owner: try owner(else: caller.account), context: context)
    }

    /// `ResourceOwner`: an account's ARN or its number.
    private func owner(else account: AccountID) throws -> AccountID {
        guard let text = resourceOwner else { return account }
        let parts = text.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        guard let owner = try? AccountID(parts.count == 6 && parts[2] == "iam" ? String(parts[4]) : text) else {
            throw Refusal(.iamInvalidInput, "Invalid Resource Owner: \(text)")
        }
        return owner
    }

    /// The user that `CallerArn` names, else the one whose policies are simulated. A policy of the resource names its callers, so
    /// it needs one of the two.
    func caller(else source: Entity?, in account: AccountID, _ partition: String) throws -> Caller {
        if let arn = callerARN {
            guard let owner = PolicySources.owner(arn), owner.kind == .user else {
                throw Refusal(.iamInvalidInput, "Invalid Caller Arn: \(arn)")
            }
            let id = source.flatMap { $0.arn(partition: partition) == arn ? $0.id : nil } ?? "AIDASIMULATEDCALLER"
            return .user(IAMIdentity(id: id, arn: arn, name: owner.name), of: owner.account)
        }
        guard resourcePolicy == nil || source?.kind == .user else {
            throw Refusal(.iamInvalidInput, "CallerArn is required when ResourcePolicy is specified.")
        }
        let identity =
            source?.identity(partition: partition)
            ?? IAMIdentity(id: "AIDASIMULATEDCALLER", arn: "arn:\(partition):iam::\(account):user/simulated", name: "simulated")
        return .user(identity, of: account)
    }
}
