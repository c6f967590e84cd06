package import WeirCore

/// What a pull would do now, and why: `weir why IMAGE`. Asking changes nothing here.
package struct PullExplanation: Sendable {
    package enum Decision: String, Sendable, CaseIterable {
        /// What is held is served, without asking upstream.
        case hit
        /// Upstream is asked by HEAD whether the tag has moved. What is held is served if it has not, or if upstream cannot be
        /// asked.
        case revalidate
        /// What is held is served with a warning: upstream could not be asked a moment ago.
        case stale
        /// The manifest is fetched from upstream, and the repository made where it is missing.
        case fetch
        /// The pull is refused.
        case refuse
    }

    /// One thing that was looked at.
    package struct Step: Sendable, Equatable {
        package enum Subject: String, Sendable, CaseIterable {
            case rule, upstream, repository, template, permission, image, freshness, layers, platforms
            case upstreamAnswer = "upstream answer"
        }

        package let subject: Subject
        /// A sentence for people. Safe to show.
        package let finding: String

        package init(_ subject: Subject, _ finding: String) {
            self.subject = subject
            self.finding = finding
        }
    }

    package let decision: Decision
    /// Why, in one sentence.
    package let reason: String
    /// In the order in which a pull looks at them.
    package let steps: [Step]
    /// What is held now under the reference.
    package let heldDigest: Digest?
    /// What upstream says now; nil where it was not asked or did not say.
    package let upstreamDigest: Digest?
}

/// The outcome of asking upstream now.
package struct RefreshOutcome: Sendable {
    package enum Change: String, Sendable, CaseIterable {
        /// Nothing was held before.
        case fetched
        case unchanged
        case updated
        /// Upstream names another image, and what is held stays: the tag was pushed here, or may not move.
        case kept
    }

    package let change: Change
    /// What the tag named before; nil where it was not here.
    package let before: Digest?
    /// What it names now.
    package let after: Digest
}
