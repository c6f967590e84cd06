package import WeirCore

/// A manifest that refers to another one by its `subject`: a signature, an attestation, an SBOM. In the form of the descriptors
/// of OCI 1.1, "Listing Referrers", and of ECR's `ImageReferrer`.
package struct Referrer: Sendable, Hashable {
    package let digest: Digest
    package let mediaType: String
    /// Bytes of the manifest itself.
    package let size: Int64
    package let artifactType: String?
    package let annotations: [String: String]
    /// ECR's `ArtifactStatus`.
    package let status: ImageStatus

    package init(
        digest: Digest, mediaType: String, size: Int64, artifactType: String?, annotations: [String: String] = [:],
        status: ImageStatus = .active
    ) {
        self.digest = digest
        self.mediaType = mediaType
        self.size = size
        self.artifactType = artifactType
        self.annotations = annotations
        self.status = status
    }
}

/// Which referrers are asked for.
package struct ReferrerFilter: Sendable, Hashable {
    /// The types to list; empty for all.
    package var artifactTypes: [String]
    package var statuses: Set<ImageStatus>

    package init(artifactTypes: [String] = [], statuses: Set<ImageStatus> = [.active]) {
        self.artifactTypes = artifactTypes
        self.statuses = statuses
    }

    func takes(_ referrer: Referrer) -> Bool {
        statuses.contains(referrer.status)
            && (artifactTypes.isEmpty || referrer.artifactType.map(artifactTypes.contains) ?? false)
    }
}

/// A part of the referrers of a manifest, by digest.
package struct ReferrerList: Sendable {
    package let referrers: [Referrer]
    /// The digest after which the next part begins; nil on the last part.
    package let next: String?
    /// Why upstream's last answer was served instead of a new one; nil where it was not.
    package let warning: String?

    package init(referrers: [Referrer], next: String?, warning: String? = nil) {
        self.referrers = referrers
        self.next = next
        self.warning = warning
    }
}
