package import WeirCore

/// A secret's resource policy: its rules, and its place in the database.
package enum SecretPolicy {
    /// Secrets Manager's limit, in characters.
    package static let maxLength = 20_480

    /// Whether a policy may open the secret to everyone.
    package enum Publicity: Sendable { case refused, accepted }

    /// A fault of a policy, by the name of Secrets Manager's check.
    package struct Fault: Error, Sendable {
        package let check: String
        package let refusal: Refusal
    }

    /// Reads a policy as it would be saved. Throws `Fault`.
    package static func check(
        _ text: String, _ publicity: Publicity, by principals: any PrincipalPolicies
    ) async throws -> PolicyPins {
        let document: PolicyDocument
        do throws(PolicyError) { document = try PolicyDocument(text, maxLength: maxLength) } catch {
            throw Fault(
                check: "POLICY_SYNTAX",
                refusal: Refusal(
                    .malformedResourcePolicy, "This resource policy contains a syntax error.", facts: ["policy.error": error.reason]
                ))
        }
        let pins: PolicyPins
        do { pins = try await PolicyPins.resolve(document, by: principals) } catch is PolicyPins.Missing {
            throw Fault(
                check: "POLICY_PRINCIPALS",
                refusal: Refusal(.malformedResourcePolicy, "This resource policy contains an unsupported principal."))
        }
        guard publicity == .accepted || !document.isPublic else {
            throw Fault(
                check: "PUBLIC_POLICY",
                refusal: Refusal(
                    .publicPolicy,
                    "The BlockPublicPolicy parameter is set to true, and the resource policy did not prevent broad access to the "
                        + "secret."))
        }
        return pins
    }
}

extension Secrets {
    /// Checks and stores a secret's policy. The text is read back as it was written.
    package func setPolicy(
        _ text: String, of name: String, in registry: RegistryID, _ publicity: SecretPolicy.Publicity,
        by principals: any PrincipalPolicies
    ) async throws -> Secret {
        let pins: PolicyPins
        do { pins = try await SecretPolicy.check(text, publicity, by: principals) } catch let fault as SecretPolicy.Fault {
            throw fault.refusal
        }
        return try await change(name, in: registry, deleted: .refused) { secret, sql in
            secret.policy = text
            secret.pins = pins
            try SecretTable.setPolicy(of: secret, sql)
        }
    }

    /// Deleting a policy that is missing is no error.
    package func deletePolicy(of name: String, in registry: RegistryID) async throws -> Secret {
        try await change(name, in: registry, deleted: .refused) { secret, sql in
            secret.policy = nil
            secret.pins = .none
            try SecretTable.setPolicy(of: secret, sql)
        }
    }
}
