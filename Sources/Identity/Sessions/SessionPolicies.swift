import WeirCore

/// The policies that limit a new session.
package struct SessionPolicies: Sendable, Equatable {
    /// Characters of the one that is passed as a document.
    package static let maxLength = 2_048
    package static let mostARNs = 10

    package let document: String?
    /// The ARNs of managed policies, of the session's account or AWS's.
    package let arns: [String]

    package init(document: String? = nil, arns: [String] = []) {
        self.document = document
        self.arns = arns
    }

    package var isEmpty: Bool { document == nil && arns.isEmpty }

    /// Throws unless all of them can be evaluated for a session in `account`.
    func check(in account: AccountID, _ principals: Principals) async throws {
        if let document {
            guard document.unicodeScalars.count <= Self.maxLength else {
                throw Refusal(
                    .packedPolicyTooLarge,
                    "The session policy is longer than the \(Self.maxLength) characters that it may have.")
            }
            do { _ = try PolicyDocument(document, as: .identity, maxLength: Self.maxLength) } catch {
                throw Refusal(.malformedPolicyDocument, "\(error)")
            }
        }
        guard arns.count <= Self.mostARNs else {
            throw Refusal(
                .validation,
                "1 validation error detected: Value at 'policyArns' failed to satisfy constraint: Member must have length less "
                    + "than or equal to \(Self.mostARNs)")
        }
        for arn in arns {
            let isOwn = PolicyARN(arn).map { $0.account == account } ?? (AWSManagedPolicies.policy(arn: arn) != nil)
            guard isOwn, try await principals.managedPolicy(arn) != nil else {
                throw Refusal(.malformedPolicyDocument, "Policy \(arn) does not exist or is not attachable.")
            }
        }
    }
}
