package import WeirCore

/// An image to be fetched whole before a client pulls it.
package struct WarmImage: Sendable, Hashable {
    package let name: RepositoryName
    package let reference: Reference
    /// The platforms to fetch of a list (`linux/arm64`); empty for all that it names.
    package let platforms: [String]

    package init(name: RepositoryName, reference: Reference, platforms: [String] = []) {
        self.name = name
        self.reference = reference
        self.platforms = platforms
    }
}

/// The progress of warming some images. It is a copy: ask again for a newer one.
package struct WarmJob: Sendable {
    package enum State: String, Sendable, CaseIterable { case waiting, running, done, failed }

    package struct Progress: Sendable {
        package let image: WarmImage
        package var state = State.waiting
        /// What the reference names.
        package var digest: Digest?
        /// Why it failed. Safe to show.
        package var failure: String?
        package var manifests = 0
        package var blobs = 0
        package var blobsDone = 0
        package var bytes: Int64 = 0
        package var bytesDone: Int64 = 0

        init(_ image: WarmImage) { self.image = image }
    }

    package let id: String
    package let startedAt: Timestamp
    package var endedAt: Timestamp?
    package var images: [Progress]

    /// No work of this job goes on.
    package var isFinished: Bool { endedAt != nil }
}
