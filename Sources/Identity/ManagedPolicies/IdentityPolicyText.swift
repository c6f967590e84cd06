import WeirCore

/// A policy's text as IAM stores it for users, groups and roles: checked, and measured.
enum IdentityPolicyText {
    /// Characters of any document, white space included.
    static let maxLength = 131_072
    /// Characters without white space, for each of: a managed policy, and all inline policies of one user, group or role.
    static let maxManaged = 6_144
    static let maxInline: [EntityKind: Int] = [.user: 2_048, .group: 5_120, .role: 10_240]

    /// Throws `.malformedPolicyDocument` for what is no policy of an identity.
    static func check(_ text: String) throws(Refusal) {
        do { _ = try PolicyDocument(text, as: .identity, maxLength: maxLength) } catch {
            throw Refusal(.malformedPolicyDocument, error.message, facts: ["reason": error.reason])
        }
    }

    /// IAM's measure of a document: its characters without spaces, tabs and line ends.
    static func size(_ text: String) -> Int {
        text.unicodeScalars.count { scalar in
            switch scalar.value {
            case 0x09, 0x0a, 0x0d, 0x20: false
            default: true
            }
        }
    }
}
