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

    /// True for the types of manifests that are known here, those of schema 1 among them.
    static func isManifest(_ essence: String) -> Bool {
        manifests.contains(essence) || essence == dockerSchema1 || essence == dockerSchema1Signed
    }

    /// A manifest's type that a `Content-Type` claims. Storages and proxies put all sorts of words there (`binary/octet-stream`,
    /// `text/plain`, `text/html`), which claim nothing of what the bytes are.
    static func claim(_ contentType: String?) -> String? {
        contentType.map(essence).flatMap { isManifest($0) ? $0 : nil }
    }

    /// The type by which a sender calls a document that says nothing of itself: a vendor's, or JSON of some kind.
    static func name(_ contentType: String?) -> String? {
        contentType.map(essence).flatMap { $0.hasPrefix("application/vnd.") || $0.hasSuffix("+json") ? $0 : nil }
    }

    /// True for layers that the client fetches from elsewhere by their `urls`; a registry does not hold them.
    package static func isForeign(_ mediaType: String) -> Bool {
        mediaType.contains(".foreign.") || mediaType.contains(".nondistributable.")
    }

    /// RFC 6838, 4.2: two names of at most 127 characters, of the few that a header, a log and a table may hold.
    package static func isWellFormed(_ mediaType: String) -> Bool {
        let names = mediaType.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        return names.count == 2
            && names.allSatisfy { name in
                (1...127).contains(name.count) && name.first.map(isAlphanumeric) == true && name.allSatisfy(isRestricted)
            }
    }

    /// The longest that is well formed.
    static let longest = 255

    /// True for what may be kept and told though it is no media type by the book: short, and without control characters.
    static func isHarmless(_ text: String) -> Bool {
        text.utf8.count <= longest && text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f }
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
    }

    private static func isRestricted(_ byte: UInt8) -> Bool { isAlphanumeric(byte) || "!#$&-^_.+".utf8.contains(byte) }

    /// The type without its parameters, lower case: what is compared and kept.
    package static func essence(_ header: String) -> String {
        let essence = header.prefix { $0 != ";" }.lowercased()
        return String(essence.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
