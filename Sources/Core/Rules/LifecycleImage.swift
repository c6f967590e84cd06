/// The facts about an image that a lifecycle policy looks at.
package struct LifecycleImage: Sendable, Equatable {
    package let digest: Digest
    package let tags: [Tag]
    package let pushedAt: Timestamp
    package let pulledAt: Timestamp?
    package let status: ImageStatus
    package let archivedAt: Timestamp?
    /// When it was last restored from the archive.
    package let activatedAt: Timestamp?
    /// The image that it refers to (a referrer's subject), whether or not that image is here.
    package let subject: Digest?
    /// The manifests that it lists, whether or not they are here.
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

    /// The storage class whose rules apply; nil during a restore, when no rule applies.
    package var storageClass: LifecycleSelection.StorageClass? {
        switch status {
        case .active: .standard
        case .archived: .archive
        case .activating: nil
        }
    }

    /// A restore from the archive counts as a push.
    var effectivePush: Timestamp { activatedAt ?? pushedAt }

    /// The moment from which a rule counts days; nil if the image has none.
    func moment(_ moment: LifecycleSelection.Moment) -> Timestamp? {
        switch moment {
        case .pushed: effectivePush
        case .pulled: activatedAt.map { max(pulledAt ?? $0, $0) } ?? pulledAt ?? pushedAt
        case .transitioned: archivedAt
        }
    }
}
