package import WeirCore
import WeirText

/// What answers of IAM and STS have in common.
extension JSONValue {
    /// A moment in whole seconds: `2026-02-19T18:34:51Z` in XML, seconds since 1970 in JSON.
    package static func moment(_ moment: Timestamp) -> JSONValue {
        .number(Double(moment.microseconds.quotient(roundedDownBy: 1_000_000)))
    }

    /// A policy document as IAM sends it: percent-encoded (RFC 3986), a space as `%20` and a plus as `%2B`, since some clients
    /// decode it as a form and some as a path.
    package static func policyDocument(_ text: String) -> JSONValue { .string(PercentCoding.encoded(text.utf8)) }
}
