import Testing
import WeirCore

@Suite struct LifecyclePolicyTests {
    private static func rule(
        _ priority: Int, _ selection: String, action: String = #"{"type":"expire"}"#
    ) -> String {
        #"{"rulePriority":\#(priority),"selection":{\#(selection)},"action":\#(action)}"#
    }

    private static func policy(_ rules: String...) -> String { #"{"rules":[\#(rules.joined(separator: ","))]}"# }

    private static let count = #""countType":"imageCountMoreThan","countNumber":1"#
    private static let anyCount = #""tagStatus":"any",\#(count)"#
    private static let untagged = #""tagStatus":"untagged",\#(count)"#
    private static let archive = #"{"type":"transition","targetStorageClass":"archive"}"#

    @Test func rulesAreReadInTheOrderOfTheirPriority() throws {
        let policy = try LifecyclePolicy(
            Self.policy(
                Self.rule(20, Self.anyCount),
                Self.rule(
                    5,
                    #""tagStatus":"tagged","tagPatternList":["prod*"],"countType":"sinceImagePushed","countUnit":"days","countNumber":14"#
                ),
                Self.rule(7, #""tagStatus":"tagged","tagPrefixList":["a","b"],"countType":"imageCountMoreThan","countNumber":3"#))
        )
        #expect(policy.rules.map(\.priority) == [5, 7, 20])
        #expect(policy.rules[0].selection.tags == .patterns(["prod*"]))
        #expect(policy.rules[0].selection.count == .days(14, since: .pushed))
        #expect(policy.rules[1].selection.tags == .prefixes(["a", "b"]))
        #expect(policy.rules[2].selection.count == .moreThan(1))
        #expect(policy.rules.allSatisfy { $0.action == .expire && $0.selection.storageClass == .standard })
    }

    /// The limit is 30,720 characters, whatever their size in bytes.
    @Test func aPolicyIsMeasuredInCharacters() throws {
        let rule = Self.rule(1, #""tagStatus":"any",\#(Self.count)"#)
        let long = rule.replacing(
            #"{"rulePriority""#, with: #"{"description":"\#(String(repeating: "規", count: 30_000))","rulePriority""#)
        #expect(Self.policy(long).utf8.count > 90_000)
        #expect(throws: Never.self) { try LifecyclePolicy(Self.policy(long)) }
        let tooLong = rule.replacing(
            #"{"rulePriority""#, with: #"{"description":"\#(String(repeating: "規", count: 30_720))","rulePriority""#)
        #expect(throws: LifecyclePolicyError.self) { try LifecyclePolicy(Self.policy(tooLong)) }
    }

    @Test func anArchivingPolicyMayHaveOneAnyRuleForEachStorageClass() throws {
        let policy = try LifecyclePolicy(
            Self.policy(
                Self.rule(
                    1, #""tagStatus":"any","countType":"sinceImagePulled","countUnit":"days","countNumber":30"#,
                    action: Self.archive),
                Self.rule(
                    2,
                    #""tagStatus":"any","storageClass":"archive","countType":"sinceImageTransitioned","countUnit":"days","countNumber":365"#
                )))
        #expect(policy.rules[0].action == .archive)
        #expect(policy.rules[0].selection.count == .days(30, since: .pulled))
        #expect(policy.rules[1].selection.storageClass == .archive)
        #expect(policy.rules[1].selection.count == .days(365, since: .transitioned))
    }

    @Test(
        "What a selection sees",
        arguments: [
            (#""tagStatus":"tagged","tagPatternList":["prod*"]"#, ["prod"], true),
            (#""tagStatus":"tagged","tagPatternList":["prod*"]"#, ["x-prod"], false),
            (#""tagStatus":"tagged","tagPatternList":["*prod*"]"#, ["x-production"], true),
            (#""tagStatus":"tagged","tagPatternList":["alpha*","beta*"]"#, ["alpha-1", "beta-2"], true),
            (#""tagStatus":"tagged","tagPatternList":["alpha*","beta*"]"#, ["alpha-1"], false),
            (#""tagStatus":"tagged","tagPrefixList":["al","be"]"#, ["beta", "alpha", "x"], true),
            (#""tagStatus":"tagged","tagPrefixList":["prod*"]"#, ["prod-1"], false),
            (#""tagStatus":"untagged""#, [], true), (#""tagStatus":"untagged""#, ["x"], false),
            (#""tagStatus":"any""#, [], true), (#""tagStatus":"any""#, ["x"], true),
        ])
    func sees(selection: String, tags: [String], isSeen: Bool) throws {
        let policy = try LifecyclePolicy(Self.policy(Self.rule(1, "\(selection),\(Self.count)")))
        #expect(policy.rules[0].selection.sees(tags: try tags.map { try Tag($0) }) == isSeen)
    }

    @Test(
        "Policies ECR refuses, and its words",
        arguments: [
            ("", "Could not map policyString into LifecyclePolicy.'"),
            ("[]", "Could not map policyString into LifecyclePolicy.'"),
            ("{", "Could not map policyString into LifecyclePolicy.'"),
            ("{}", #"object has missing required properties (["rules"])'"#),
            (#"{"rules":[]}"#, "array is too short: must have at least 1 elements but instance has 0 elements'"),
            (#"{"rules":{}}"#, #"instance type (object) does not match any allowed primitive type (allowed: ["array"])'"#),
            (#"{"rules":["x"]}"#, #"instance type (string) does not match any allowed primitive type (allowed: ["object"])'"#),
            (#"{"rules":[{}]}"#, #"object has missing required properties (["action", "rulePriority", "selection"])'"#),
            (#"{"rules":[{"selection":{},"action":{}}]}"#, #"object has missing required properties (["rulePriority"])'"#),
            (policy(rule(1, anyCount, action: "{}")), #"object has missing required properties (["type"])'"#),
            (policy(rule(1, "")), #"object has missing required properties (["countNumber", "countType", "tagStatus"])'"#),
            (
                policy(rule(1, anyCount)).replacing(#""rulePriority""#, with: #""x":1,"rulePriority""#),
                #"object instance has properties which are not allowed by the schema: (["x"])'"#
            ),
            (
                policy(rule(1, anyCount + #","y":1"#)),
                #"object instance has properties which are not allowed by the schema: (["y"])'"#
            ),
            (
                policy(rule(1, anyCount, action: #"{"type":"delete"}"#)),
                #"instance value (delete) not found in enum :(possible values: ["expire", "transition"])'"#
            ),
            (
                policy(rule(1, #""tagStatus":"some",\#(count)"#)),
                #"instance value (some) not found in enum :(possible values: ["any", "tagged", "untagged"])'"#
            ),
            (
                policy(rule(1, #""tagStatus":"any","countType":"often","countNumber":1"#)),
                "instance failed to match exactly one schema (matched 0 out of 2)"
            ),
            (
                policy(rule(1, #""tagStatus":"any","countType":"sinceImagePushed","countNumber":1"#)),
                "instance failed to match exactly one schema (matched 0 out of 2)"
            ),
            (
                policy(rule(1, anyCount + #","countUnit":"days""#)),
                "instance failed to match exactly one schema (matched 0 out of 2)"
            ),
            (
                policy(rule(1, #""tagStatus":"any","countType":"sinceImagePushed","countUnit":"hours","countNumber":1"#)),
                #"instance value (hours) not found in enum :(possible values: ["days"])'"#
            ),
            (
                policy(rule(1, #""tagStatus":"any","countType":"imageCountMoreThan","countNumber":0"#)),
                "numeric instance is lower than the required minimum (minimum: 1, found: 0)"
            ),
            (policy(rule(0, anyCount)), "numeric instance is lower than the required minimum (minimum: 1, found: 0)"),
            (
                policy(rule(1, #""tagStatus":"any","countType":"imageCountMoreThan","countNumber":"1""#)),
                #"instance type (string) does not match any allowed primitive type (allowed: ["integer"])'"#
            ),
            (
                policy(rule(1, untagged), rule(2, untagged)),
                "Only one rule can select Untagged images per storage class.'"
            ),
            (
                policy(rule(1, anyCount), rule(2, untagged)),
                "Rule for tagStatus=ANY must have the lowest priority per storage class'"
            ),
            (
                policy(rule(1, #""tagStatus":"tagged",\#(count)"#)),
                "Must specify tagPrefixList or tagPatternList when tagStatus=TAGGED.'"
            ),
            (policy(rule(1, untagged), rule(1, anyCount)), "Rule priorities must be unique.'"),
        ])
    func refused(text: String, reason: String) {
        let error = #expect(throws: LifecyclePolicyError.self) { try LifecyclePolicy(text) }
        #expect(error?.reason == reason)
        #expect(
            error?.description.hasPrefix(
                "Invalid parameter at 'LifecyclePolicyText' failed to satisfy constraint: 'Lifecycle policy validation failure: ")
                == true)
    }

    @Test(
        "Combinations ECR refuses",
        arguments: [
            rule(1, #""tagStatus":"any","tagPrefixList":["x"],\#(count)"#),
            rule(1, #""tagStatus":"tagged","tagPrefixList":["x"],"tagPatternList":["y"],\#(count)"#),
            rule(1, #""tagStatus":"tagged","tagPatternList":["*a*b*c*d*"],\#(count)"#),
            rule(1, #""tagStatus":"tagged","tagPatternList":[""],\#(count)"#),
            rule(1, anyCount + #","storageClass":"archive""#),
            rule(1, #""tagStatus":"any","countType":"sinceImageTransitioned","countUnit":"days","countNumber":100"#),
            rule(
                1,
                #""tagStatus":"any","storageClass":"archive","countType":"sinceImageTransitioned","countUnit":"days","countNumber":89"#
            ),
            rule(1, #""tagStatus":"any","countType":"sinceImagePulled","countUnit":"days","countNumber":30"#),
            rule(1, anyCount, action: #"{"type":"transition"}"#),
            rule(1, anyCount, action: #"{"type":"expire","targetStorageClass":"archive"}"#),
            rule(1, anyCount, action: #"{"type":"transition","targetStorageClass":"glacier"}"#),
            rule(1, #""tagStatus":"tagged","tagPrefixList":["a","b"],\#(count)"#) + ","
                + rule(2, #""tagStatus":"tagged","tagPrefixList":["b","a"],\#(count)"#),
            (1...51).map { rule($0, #""tagStatus":"tagged","tagPrefixList":["a\#($0)"],\#(count)"#) }.joined(separator: ","),
            rule(1, #""tagStatus":"any","countType":"imageCountMoreThan","countNumber":9000000000"#),
        ])
    func refusedTogether(rules: String) {
        #expect(throws: LifecyclePolicyError.self) { try LifecyclePolicy(#"{"rules":[\#(rules)]}"#) }
    }
}
