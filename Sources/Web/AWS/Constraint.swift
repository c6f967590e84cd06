package import WeirCore
import WeirRegistry

/// A violated constraint of the service model, and AWS's sentence for it.
///
/// Two wordings are in use: Coral's own (`1 validation error detected: Value 'a' at 'keyId' …`), and ECR's for its own checks
/// (`Invalid parameter at 'repositoryName' failed to satisfy constraint: '…'`). IAM leaves values out of Coral's.
package enum Constraint: Sendable {
    case notNull
    case lengthAtLeast(Int), lengthAtMost(Int)
    case valueAtLeast(Int64), valueAtMost(Int64)
    case pattern(String)
    case oneOf([String])
    /// No stored text may hold U+0000: databases end a text there.
    case withoutNUL
    /// Those of a list's elements, one of which violates one of them.
    case elements([Constraint])

    /// The refusal for `value` at `member`, a path such as `tags.2.member.key`.
    package func refusal(of value: String?, at member: String, for service: AWSService) -> Refusal {
        switch (service.hasOwnSentences, self) {
        case (true, .pattern(let pattern)):
            return .invalidParameter(member, "must satisfy regular expression '\(pattern)'")
        case (true, .oneOf): return .invalidParameter(member, sentence(service))
        case (let isECRs, _):
            return Refusal(
                isECRs ? .invalidParameter : .validation,
                "1 validation error detected: " + violation(of: value, at: member, for: service))
        }
    }

    /// The violation as one of several: `Value 'a' at 'keyId' failed to satisfy constraint: …`.
    ///
    /// - Parameter isSecret: the value is not told.
    func violation(of value: String?, at member: String, for service: AWSService, isSecret: Bool = false) -> String {
        let shown =
            service == .iam || (isSecret && value != nil) ? "Value" : "Value \(value.map { "'\(Self.shortened($0))'" } ?? "null")"
        return "\(shown) at '\(member)' failed to satisfy constraint: \(sentence(service))"
    }

    private func sentence(_ service: AWSService) -> String {
        switch self {
        case .notNull: "Member must not be null"
        case .lengthAtLeast(let bound): "Member must have length greater than or equal to \(bound)"
        case .lengthAtMost(let bound): "Member must have length less than or equal to \(bound)"
        case .valueAtLeast(let bound): "Member must have value greater than or equal to \(bound)"
        case .valueAtMost(let bound): "Member must have value less than or equal to \(bound)"
        case .pattern(let pattern): "Member must satisfy regular expression pattern: \(pattern)"
        case .withoutNUL: "Member must not contain the character U+0000"
        case .oneOf where service == .iam: "Member must satisfy enum value set"
        case .oneOf(let values): "Member must satisfy enum value set: [\(values.joined(separator: ", "))]"
        case .elements(let constraints):
            "Member must satisfy constraint: [\(constraints.map { $0.sentence(service) }.joined(separator: ", "))]"
        }
    }

    /// AWS repeats the whole value; here a value over 1,024 bytes is cut.
    private static func shortened(_ value: String) -> String {
        value.utf8.count <= 1_024 ? value : String(value.prefix(256)) + "…"
    }
}

extension AWSService {
    /// It tells of its own checks in sentences of its own.
    fileprivate var hasOwnSentences: Bool { self == .ecr || self == .weir }

    /// It tells all violations of a call together, and those of a list's scalar elements as the list's.
    var tellsAllViolations: Bool { self == .iam || self == .sts }
}
