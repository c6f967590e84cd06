import Synchronization
import WeirCore

/// Users and roles that a test makes up: their policies by unique id, and the ids of their ARNs.
final class StubPrincipals: PrincipalPolicies {
    private let known: Mutex<(policies: [String: CallerPolicies], ids: [String: String])> = Mutex(([:], [:]))

    /// Gives a user or role its statements: `[{"Effect":…}]` without the brackets.
    func set(_ caller: Caller, _ statements: String) throws {
        guard let identity = caller.identity else { return }
        let text = #"{"Version":"2012-10-17","Statement":[\#(statements)]}"#
        let document = statements.isEmpty ? nil : try PolicyDocument(text, as: .identity)
        let policies = document.map { [NamedPolicy(.managed("arn:aws:iam::111122223333:policy/own"), $0)] } ?? []
        known.withLock {
            $0.policies[identity.id] = CallerPolicies(identity: policies)
            $0.ids[identity.arn] = identity.id
        }
    }

    func forget(_ caller: Caller) {
        guard let identity = caller.identity else { return }
        known.withLock {
            $0.policies[identity.id] = nil
            $0.ids[identity.arn] = nil
        }
    }

    func policies(of caller: Caller) async throws -> CallerPolicies {
        known.withLock { known in caller.identity.flatMap { known.policies[$0.id] } ?? CallerPolicies() }
    }

    func principal(_ arn: String) async throws -> PrincipalLookup {
        guard arn.contains(":111122223333:") else { return .elsewhere }
        return known.withLock { $0.ids[arn] }.map { .found(id: $0) } ?? .missing
    }

    func arn(ofPrincipal id: String) async throws -> String? {
        known.withLock { $0.ids.first { $0.value == id }?.key }
    }
}
