/// The users and roles that a resource's policy names, each with the unique id that it had when the policy was saved. A user or
/// role that is deleted and made again is another one, which such a policy does not name.
///
/// Only ARNs in `Principal` and `NotPrincipal` are pinned. An ARN in a condition is compared as text.
package struct PolicyPins: Sendable, Hashable {
    /// ARN → unique id.
    package let ids: [String: String]

    package static let none = PolicyPins([:])

    package init(_ ids: [String: String]) { self.ids = ids }

    /// A stored column's text; nil where nothing is pinned.
    package init(stored text: String?) {
        guard let text, case .object(let members)? = JSONValue(document: text) else {
            self = .none
            return
        }
        ids = members.compactMapValues(\.string)
    }

    /// The text for a column.
    package var stored: String? {
        ids.isEmpty ? nil : JSONValue.object(ids.mapValues { .string($0) }).text
    }

    /// Looks up the users and roles that a policy names.
    ///
    /// Throws `PolicyPins.Missing` where an account of this server has no such user or role. Principals of other servers'
    /// accounts cannot sign in here and are not pinned.
    ///
    /// - Parameter lacking: whether one that is missing is refused, or left as it is written.
    package static func resolve(
        _ document: PolicyDocument, by principals: any PrincipalPolicies, lacking: Lacking = .refused
    ) async throws -> PolicyPins {
        var ids: [String: String] = [:]
        for arn in document.principalARNs where isPinned(arn) && ids[arn] == nil {
            switch try await principals.principal(arn) {
            case .found(let id): ids[arn] = id
            case .missing where lacking == .refused: throw Missing(arn: arn)
            case .missing: continue
            case .elsewhere: continue
            }
        }
        return PolicyPins(ids)
    }

    package enum Lacking: Sendable { case refused, leftOut }

    package struct Missing: Error, Sendable, Equatable {
        package let arn: String
    }

    /// True for the ARN of a user or a role, which have unique ids.
    package static func isPinned(_ arn: String) -> Bool {
        let parts = arn.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        return isPrincipal(arn) && parts[2] == "iam" && (parts[5].hasPrefix("user/") || parts[5].hasPrefix("role/"))
    }

    /// True for the ARN of an account's root, a user, a role, a session or a federated user.
    package static func isPrincipal(_ arn: String) -> Bool {
        guard case .object(let members)? = JSONValue(document: "{\"AWS\":\(JSONText.quoted(arn))}"), arn.hasPrefix("arn:"),
            let read = try? PolicyPrincipal.list(.object(members))
        else { return false }
        return read.count == 1
    }
}

extension PolicyPins {
    /// A policy's text as it is read back: a pinned principal that is gone stands there by its unique id, and one that was
    /// renamed by its new ARN. The text is as it was written where each still has its ARN.
    package func readBack(_ text: String, by principals: any PrincipalPolicies) async throws -> String {
        var living: [String: String] = [:]
        for id in ids.values { living[id] = try await principals.arn(ofPrincipal: id) }
        return PolicyDocument.readBack(text, pins: ids, living: living)
    }
}
