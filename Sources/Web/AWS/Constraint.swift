package import WeirCore
import WeirRegistry

/// A violated constraint of the service model, and AWS's sentence for it.
///
/// Two wordings are in use: Coral's own (`1 validation error detected: Value 'a' at 'keyId' …`), and ECR's for its own checks
/// (`Invalid parameter at 'repositoryName' failed to satisfy constraint: '…'`).
package enum Constraint: Sendable {
    case notNull
    case lengthAtLeast(Int), lengthAtMost(Int)
    case valueAtLeast(Int64), valueAtMost(Int64)
    case pattern(String)
    case oneOf([String])
    /// No stored text may hold U+0000: databases end a text there.
    case withoutNUL

    /// The refusal for `value` at `member`, a path such as `tags.2.member.key`.
    package func refusal(of value: String?, at member: String, for service: AWSService) -> Refusal {
        let isECRs = service == .ecr || service == .weir
        switch (isECRs, self) {
        case (true, .pattern(let pattern)):
            return .invalidParameter(member, "must satisfy regular expression '\(pattern)'")
        case (true, .oneOf): return .invalidParameter(member, sentence)
        default:
            let shown = value.map { "'\(Self.shortened($0))'" } ?? "null"
            return Refusal(
                isECRs ? .invalidParameter : .validation,
                "1 validation error detected: Value \(shown) at '\(member)' failed to satisfy constraint: \(sentence)")
        }
    }

    private var sentence: String {
        switch self {
        case .notNull: "Member must not be null"
        case .lengthAtLeast(let bound): "Member must have length greater than or equal to \(bound)"
        case .lengthAtMost(let bound): "Member must have length less than or equal to \(bound)"
        case .valueAtLeast(let bound): "Member must have value greater than or equal to \(bound)"
        case .valueAtMost(let bound): "Member must have value less than or equal to \(bound)"
        case .pattern(let pattern): "Member must satisfy regular expression pattern: \(pattern)"
        case .withoutNUL: "Member must not contain the character U+0000"
        case .oneOf(let values): "Member must satisfy enum value set: [\(values.joined(separator: ", "))]"
        }
    }

    /// AWS repeats the whole value; here a value over 1,024 bytes is cut.
    private static func shortened(_ value: String) -> String {
        value.utf8.count <= 1_024 ? value : String(value.prefix(256)) + "…"
    }
}
