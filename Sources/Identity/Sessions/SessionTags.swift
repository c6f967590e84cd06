package import WeirCore

/// The tags of a new session, by STS's rules: keys are unique without regard to case, transitive keys are keys of tags that are
/// passed, and tags that came with the calling session cannot be passed anew.
package struct SessionTags: Sendable, Equatable {
    package let tags: [ResourceTag]
    package let transitiveKeys: [String]

    package init(_ tags: [ResourceTag] = [], transitiveKeys: [String] = []) {
        self.tags = tags
        self.transitiveKeys = transitiveKeys
    }

    package var isEmpty: Bool { tags.isEmpty && transitiveKeys.isEmpty }

    /// These with the transitive ones of the session that asks for the new one.
    func following(_ session: CallerSession?) throws(Refusal) -> SessionTags {
        let keys = tags.map { $0.key.lowercased() }
        guard Set(keys).count == keys.count, Set(transitiveKeys.map { $0.lowercased() }).count == transitiveKeys.count else {
            throw Self.refusal("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
        }
        guard transitiveKeys.allSatisfy({ keys.contains($0.lowercased()) }) else {
            throw Self.refusal("The specified transitive tag key must be included in the requested tags.")
        }
        guard let session else { return self }
        let inherited = Set(session.transitiveTagKeys.map { $0.lowercased() })
        guard inherited.isDisjoint(with: keys) else {
            throw Self.refusal(
                "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the "
                    + "calling session.")
        }
        return SessionTags(
            session.tags.filter { inherited.contains($0.key.lowercased()) } + tags,
            transitiveKeys: session.transitiveTagKeys + transitiveKeys)
    }

    private static func refusal(_ sentence: String) -> Refusal { Refusal(.stsInvalidParameterValue, sentence) }
}
