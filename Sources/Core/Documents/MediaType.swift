/// The media types that this server distinguishes. Any other is stored as it came.
package enum MediaType {
    package static let ociManifest = "application/vnd.oci.image.manifest.v1+json"
    package static let ociIndex = "application/vnd.oci.image.index.v1+json"
    package static let ociArtifact = "application/vnd.oci.artifact.manifest.v1+json"
    package static let dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
    package static let dockerList = "application/vnd.docker.distribution.manifest.list.v2+json"
    package static let dockerSchema1 = "application/vnd.docker.distribution.manifest.v1+json"
    package static let dockerSchema1Signed = "application/vnd.docker.distribution.manifest.v1+prettyjws"

    /// The `Accept` types of a pull from upstream: everything that can be stored, indexes first.
    package static let manifests = [ociIndex, dockerList, ociManifest, dockerManifest, ociArtifact]

    /// True for manifest types, schema 1 included.
    static func isManifest(_ essence: String) -> Bool {
        manifests.contains(essence) || essence == dockerSchema1 || essence == dockerSchema1Signed
    }

    /// The `Content-Type`, if it is a manifest type; else nil. Storage services and proxies send unrelated types
    /// (`binary/octet-stream`, `text/plain`, `text/html`), which say nothing about the bytes.
    static func claim(_ contentType: String?) -> String? {
        contentType.map(essence).flatMap { isManifest($0) ? $0 : nil }
    }

    /// The `Content-Type` for a document without `mediaType`, if it is a vendor's type or some kind of JSON; else nil.
    static func name(_ contentType: String?) -> String? {
        contentType.map(essence).flatMap { $0.hasPrefix("application/vnd.") || $0.hasSuffix("+json") ? $0 : nil }
    }

    /// True for layers that clients fetch from their `urls`; a registry does not hold them.
    package static func isForeign(_ mediaType: String) -> Bool {
        mediaType.contains(".foreign.") || mediaType.contains(".nondistributable.")
    }

    /// RFC 6838, 4.2: two names of at most 127 characters each, from a set that is safe in headers, logs and tables.
    package static func isWellFormed(_ mediaType: String) -> Bool {
        let names = mediaType.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        return names.count == 2
            && names.allSatisfy { name in
                (1...127).contains(name.count) && name.first.map(isAlphanumeric) == true && name.allSatisfy(isRestricted)
            }
    }

    /// The longest well-formed media type, in characters.
    static let longest = 255

    /// True for a value that is safe to store and show although it may not be a media type: short, without control characters.
    static func isHarmless(_ text: String) -> Bool {
        text.utf8.count <= longest && text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f }
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
    }

    private static func isRestricted(_ byte: UInt8) -> Bool { isAlphanumeric(byte) || "!#$&-^_.+".utf8.contains(byte) }

    /// The type without parameters, in lower case: the form that is compared and stored.
    package static func essence(_ header: String) -> String {
        let essence = header.prefix { $0 != ";" }.lowercased()
        return String(essence.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
