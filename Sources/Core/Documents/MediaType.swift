/// The media types that this server tells apart. Any other is kept as it came.
package enum MediaType {
    package static let ociManifest = "application/vnd.oci.image.manifest.v1+json"
    package static let ociIndex = "application/vnd.oci.image.index.v1+json"
    package static let ociArtifact = "application/vnd.oci.artifact.manifest.v1+json"
    package static let dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
    package static let dockerList = "application/vnd.docker.distribution.manifest.list.v2+json"
    package static let dockerSchema1 = "application/vnd.docker.distribution.manifest.v1+json"
    package static let dockerSchema1Signed = "application/vnd.docker.distribution.manifest.v1+prettyjws"

    /// What a pull asks upstream for: everything that can be stored, indexes first.
    package static let manifests = [ociIndex, dockerList, ociManifest, dockerManifest, ociArtifact]

    /// True for layers that the client fetches from elsewhere by their `urls`; a registry does not hold them.
    package static func isForeign(_ mediaType: String) -> Bool {
        mediaType.contains(".foreign.") || mediaType.contains(".nondistributable.")
    }

    /// The type without its parameters, lower case: what is compared and kept.
    package static func essence(_ header: String) -> String {
        let essence = header.prefix { $0 != ";" }.lowercased()
        return String(essence.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
