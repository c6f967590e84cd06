package import WeirCore

/// IAM's sentences about users, groups, roles and instance profiles.
extension Refusal {
    /// There is none of that name.
    package static func noSuch(_ kind: EntityKind, _ name: String) -> Refusal {
        let sentence =
            kind == .instanceProfile
            ? "Instance Profile \(name) cannot be found." : "The \(kind.rawValue) with name \(name) cannot be found."
        return Refusal(.noSuchEntity, sentence)
    }

    static func taken(_ kind: EntityKind, _ name: String) -> Refusal {
        let sentence =
            kind == .instanceProfile
            ? "Instance Profile \(name) already exists." : "\(kind.rawValue.capitalizedASCII) with name \(name) already exists."
        return Refusal(.entityAlreadyExists, sentence)
    }

    /// - Parameter first: what its caller must do before: `detach all policies`.
    static func deleteConflict(_ first: String) -> Refusal {
        Refusal(.deleteConflict, "Cannot delete entity, must \(first) first.")
    }

    /// - Parameter quota: as AWS calls it.
    static func overQuota(_ quota: String, _ most: Int) -> Refusal {
        Refusal(.iamLimitExceeded, "Cannot exceed quota for \(quota): \(most)")
    }
}

extension String {
    fileprivate var capitalizedASCII: String { prefix(1).uppercased() + dropFirst() }
}
