/// What a lifecycle policy looks at in an image.
package struct LifecycleImage: Sendable, Equatable {
    package let digest: Digest
    package let tags: [Tag]
    package let pushedAt: Timestamp
    package let pulledAt: Timestamp?
    package let status: ImageStatus
    package let archivedAt: Timestamp?
    /// When it last came back from the archive.
    package let activatedAt: Timestamp?
    /// The image that it is about, whether that one is here or not.
    package let subject: Digest?
    /// What it names, if it is a list, whether that is here or not.
    package let children: [Digest]

    package init(
        digest: Digest, tags: [Tag] = [], pushedAt: Timestamp, pulledAt: Timestamp? = nil, status: ImageStatus = .active,
        archivedAt: Timestamp? = nil, activatedAt: Timestamp? = nil, subject: Digest? = nil, children: [Digest] = []
    ) {
        self.digest = digest
        self.tags = tags
        self.pushedAt = pushedAt
        self.pulledAt = pulledAt
        self.status = status
        self.archivedAt = archivedAt
        self.activatedAt = activatedAt
        self.subject = subject
        self.children = children
    }

    /// The class whose rules are for it; nil while it is on its way from one to the other, when no rule is.
    package var storageClass: LifecycleSelection.StorageClass? {
        switch status {
        case .active: .standard
        case .archived: .archive
        case .activating: nil
        }
    }

    /// For what came back from the archive, the coming back counts as its push.
    var effectivePush: Timestamp { activatedAt ?? pushedAt }

    /// The moment from which a rule counts days; nil where there is none.
    func moment(_ moment: LifecycleSelection.Moment) -> Timestamp? {
        switch moment {
        case .pushed: effectivePush
        case .pulled: activatedAt.map { max(pulledAt ?? $0, $0) } ?? pulledAt ?? pushedAt
        case .transitioned: archivedAt
        }
    }
}
