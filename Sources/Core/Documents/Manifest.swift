package import NIOCore

/// A manifest as it was sent, and what this server reads from it. The bytes are authoritative: they are stored and served as they
/// came, never encoded again.
package struct Manifest: Sendable, Equatable {
    /// ECR's limit, and the OCI specification's recommendation. Bounds the memory of a push and of an upstream's answer.
    package static let maxBytes = 4 * 1024 * 1024
    /// Layers of an image, or manifests of a list. Each is looked up, fetched and copied one by one: without a bound, a manifest
    /// of 4 MiB would cause tens of thousands of requests. Real images have a few hundred at most.
    package static let maxDescriptors = 1_000
    /// Annotations are bounded in number, not in length: the OCI conformance tests push one of nearly 4 MiB.
    package static let maxAnnotations = 1_000

    package enum Shape: Sendable, Equatable {
        /// One image or artifact: a configuration and layers.
        case image(config: Descriptor?, layers: [Descriptor])
        /// A list of manifests, one for each platform.
        case index([Descriptor])
    }

    package let bytes: ByteBuffer
    package let digest: Digest
    package let mediaType: String
    package let shape: Shape
    /// The manifest that this one refers to (OCI 1.1, "Listing Referrers").
    package let subject: Descriptor?
    /// The manifest's `artifactType`, or its configuration's media type.
    package let artifactType: String?
    package let annotations: [String: String]

    /// Reads a manifest.
    ///
    /// - Parameters:
    ///   - contentType: the sender's `Content-Type`. If it is a manifest type it must equal the body's `mediaType`, so that a
    ///     list cannot pass as an image (GHSA-qq97-vm5h-rrhg). Any other value counts only if the body does not tell its type.
    ///   - algorithm: the algorithm of `digest`.
    package init(
        _ bytes: ByteBuffer, contentType: String?, algorithm: Digest.Algorithm = .sha256
    ) throws(ManifestError) {
        guard bytes.readableBytes <= Self.maxBytes else { throw .tooLarge(bytes.readableBytes) }
        let body = try Body.read(bytes, contentType)
        try body.checkBounds()
        let mediaType = try Self.mediaType(of: body, contentType: contentType)
        guard MediaType.isWellFormed(mediaType) else { throw .badMediaType("mediaType", mediaType) }
        if body.manifests != nil, body.layers != nil || body.config != nil { throw .ambiguous }
        if let manifests = body.manifests {
            shape = .index(try manifests.map { wire throws(ManifestError) in try Descriptor(wire) })
        } else {
            shape = .image(
                config: try body.config.map { wire throws(ManifestError) in try Descriptor(wire) },
                layers: try (body.layers ?? body.blobs ?? []).map { wire throws(ManifestError) in
                    try Descriptor(wire)
                })
        }
        self.bytes = bytes
        self.mediaType = mediaType
        digest = Digest(of: bytes.readableBytesView, algorithm)
        subject = try body.subject.map { wire throws(ManifestError) in try Descriptor(wire) }
        artifactType = body.artifactType ?? body.config?.mediaType
        if let artifactType, !MediaType.isHarmless(artifactType) { throw .badMediaType("artifactType", artifactType) }
        annotations = body.annotations
        isNamed = body.mediaType != nil || MediaType.name(contentType) != nil
        lacks = body.lacks(as: mediaType)
        oddType = body.oddType
    }

    /// True if the body or the sender named the media type. False if it was inferred from the members.
    package let isNamed: Bool

    /// A member whose value is not a media type by RFC 6838, and that value. Accepted from upstream, refused from a client.
    package let oddType: NamedType?

    package struct NamedType: Sendable, Equatable {
        package let member: String
        package let type: String
    }

    /// Which required member of its media type this manifest lacks. Accepted from upstream, since upstream registries serve such
    /// manifests and clients run them; refused in a push.
    package let lacks: String?

    private static func mediaType(of body: Body, contentType: String?) throws(ManifestError) -> String {
        if body.schemaVersion == 1 { throw .schema1 }
        let claimed = MediaType.claim(contentType)
        if let claimed, let inside = body.mediaType, MediaType.essence(inside) != claimed {
            throw .disagrees(contentType: claimed, mediaType: inside)
        }
        // OCI allows `mediaType` to be absent: the members then decide.
        guard let mediaType = body.mediaType.map(MediaType.essence) ?? claimed ?? body.typeByShape ?? MediaType.name(contentType)
        else { throw .noMediaType }
        let isList = mediaType == MediaType.ociIndex || mediaType == MediaType.dockerList
        let isImage = mediaType == MediaType.ociManifest || mediaType == MediaType.dockerManifest
        if isList, body.manifests == nil { throw .missing("manifests") }
        if isImage, body.config == nil { throw .missing("config") }
        return mediaType
    }

    /// The blobs that a pull of this manifest asks for next: the configuration and the layers that registries hold. Equal
    /// descriptors come once.
    package var blobs: [Descriptor] {
        guard case .image(let config, let layers) = shape else { return [] }
        return ([config].compactMap { $0 } + layers).filter { !MediaType.isForeign($0.mediaType) }.distinct
    }

    /// The manifests that this one lists. Equal descriptors come once.
    package var children: [Descriptor] {
        guard case .index(let manifests) = shape else { return [] }
        return manifests.distinct
    }
}

/// A manifest's descriptor of a blob or of another manifest.
package struct Descriptor: Sendable, Hashable {
    package let mediaType: String
    package let digest: Digest
    package let size: Int64
    package let platform: String?

    package init(mediaType: String, digest: Digest, size: Int64, platform: String? = nil) {
        self.mediaType = mediaType
        self.digest = digest
        self.size = size
        self.platform = platform
    }

    init(_ wire: Wire) throws(ManifestError) {
        let digest: Digest
        do { digest = try Digest(wire.digest) } catch { throw .badDescriptor("\(error)") }
        guard wire.size >= 0 else { throw .badDescriptor("the size \(wire.size) of \(digest) is negative") }
        guard let size = ByteCount(wire.size) else {
            throw .badDescriptor(
                "the size \(wire.size) of \(digest) is more than the \(ByteCount.limit) bytes that anything can have")
        }
        if let type = wire.mediaType, !MediaType.isHarmless(type) { throw .badMediaType("mediaType of \(digest)", type) }
        self.init(
            mediaType: wire.mediaType ?? "application/octet-stream", digest: digest, size: size.bytes,
            platform: wire.platform.map {
                [$0.os, $0.architecture, $0.variant].compactMap { $0 }.joined(separator: "/")
            })
    }
}

/// Why bytes are not a manifest that this server accepts.
package enum ManifestError: Error, Equatable, CustomStringConvertible {
    case tooLarge(Int)
    case notJSON
    /// JSON, but not an object.
    case notObject
    /// The path of a member that behaviour depends on, and what is wrong with it: "layers[0].size", "is no whole number".
    case badMember(String, String)
    case schema1
    case noMediaType
    case disagrees(contentType: String, mediaType: String)
    /// It names both layers and manifests: an image to one reader, a list to another (CVE-2021-41190).
    case ambiguous
    case missing(String)
    case badDescriptor(String)
    /// More elements than `allowed`.
    case tooMany(String, Int, allowed: Int)
    /// A member whose value is not a media type, and that value.
    case badMediaType(String, String)

    package var description: String {
        switch self {
        case .tooLarge(let count): "the manifest has \(count) bytes, more than the \(Manifest.maxBytes) allowed"
        case .notJSON: "Invalid JSON syntax"
        case .notObject: "the manifest is no JSON object"
        case .badMember(let path, let flaw): "\(path) \(flaw)"
        case .schema1: "manifests of schema version 1 are not supported"
        case .noMediaType: "image manifest mediatype not provided in manifest or parameter"
        case .disagrees(let contentType, let mediaType):
            "the content type '\(contentType)' and the manifest's mediaType '\(mediaType)' differ"
        case .ambiguous: "the manifest names both layers and manifests"
        case .missing(let member): "the manifest lacks '\(member)'"
        case .badDescriptor(let reason): "a descriptor is wrong: \(reason)"
        case .tooMany(let noun, let count, let allowed): "the manifest has \(count) \(noun), more than the \(allowed) allowed"
        case .badMediaType(let member, let type):
            "the \(member) '\(Self.shown(type))' is no media type: type/subtype of 127 characters each (RFC 6838)"
        }
    }

    /// At most 100 characters, without control characters.
    private static func shown(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.prefix(100).map { $0.value < 0x20 || $0.value == 0x7f ? "?" : $0 }))
    }
}

extension [Descriptor] {
    /// Each element once, in order of first occurrence.
    fileprivate var distinct: [Descriptor] {
        var seen: Set<Descriptor> = []
        return filter { seen.insert($0).inserted }
    }
}
