import NIOCore
import NIOPosix
import WeirCore
import WeirIdentity
import WeirRegistry

/// Layers by ECR's own API, and the manifest that names them: the calls that correspond to a `docker push`.
struct LayerOperations: Sendable {
    let registry: Registry
    let tokens: RegistryTokens

    var table: [AWSOperation] {
        [
            AWSOperation(.ecr, "BatchCheckLayerAvailability", may: .repository, check),
            AWSOperation(.ecr, "InitiateLayerUpload", may: .repository, begin),
            AWSOperation(.ecr, "UploadLayerPart", may: .repository, append),
            AWSOperation(.ecr, "CompleteLayerUpload", may: .repository, complete),
            AWSOperation(.ecr, "GetDownloadUrlForLayer", may: .repository, link),
            AWSOperation(.ecr, "PutImage", may: .images, put),
        ]
    }

    /// The model's bound of `LayerPartBlob`.
    private static let partBytes = 0...20_971_520
    /// The offsets of the first and the last byte that a layer can have.
    private static let positions: ClosedRange<Int64> = 0...(ByteCount.largestLayer - 1)

    // MARK: - Layers

    private func check(_ call: AWSCall) async throws -> JSONValue {
        let texts = try call.input.strings("layerDigests", count: 1...100, length: 0...1000)
        let (name, home) = try call.repository()
        let digests = texts.map { try? Digest($0) }
        let found = try await registry.layers.availability(of: digests.compactMap { $0 }, in: name, of: home)
        var layers: [JSONValue] = []
        var failures: [JSONValue] = []
        for (text, digest) in zip(texts, digests) {
            if let digest {
                layers.append(Self.layer(digest, found[digest] ?? .unavailable))
            } else {
                failures.append(Self.failure(text))
            }
        }
        return ["layers": .array(layers), "failures": .array(failures)]
    }

    private static func layer(_ digest: Digest, _ availability: Layers.Availability) -> JSONValue {
        let (status, size): (String, Int64?) =
            switch availability {
            case .available(let size): ("AVAILABLE", size)
            case .archived(let size): ("ARCHIVED", size)
            case .unavailable: ("UNAVAILABLE", nil)
            }
        return .members([
            "layerDigest": .string(digest.description), "layerAvailability": .string(status),
            "layerSize": size.map { .integer($0) },
        ])
    }

    private static func failure(_ text: String) -> JSONValue {
        let isMissing = text.isEmpty
        return [
            "layerDigest": .string(text), "failureCode": .string(isMissing ? "MissingLayerDigest" : "InvalidLayerDigest"),
            "failureReason": .string(
                isMissing
                    ? "Invalid request parameters: layer digest cannot be null"
                    : "Invalid request parameters: layer digest should satisfy the regex '\(AWSCall.digestPattern)'"),
        ]
    }

    private func begin(_ call: AWSCall) async throws -> JSONValue {
        let (name, home) = try call.repository()
        try await registry.pushTargets.prepare(name, of: home, for: call.caller)
        let upload = try await registry.uploads.begin(in: name, of: home, for: call.caller)
        return ["uploadId": .string(upload.id), "partSize": .integer(Uploads.partSize)]
    }

    private func append(_ call: AWSCall) async throws -> JSONValue {
        let id = try uploadID(call)
        let first = try call.input.integer("partFirstByte", Self.positions)
        let last = try call.input.integer("partLastByte", Self.positions)
        let (name, home) = try call.repository()
        let input = call.input
        // Decoded on another thread: 20 MiB would hold up the other connections of this event loop.
        let bytes = try await NIOThreadPool.singleton.runIfActive { try input.blob("layerPartBlob", length: Self.partBytes) }
        let received = try await registry.uploads.appendPart(
            ByteBuffer(bytes: bytes), first: first, last: last, to: id, in: name, of: home)
        return .about(name, in: home, ["uploadId": .string(id), "lastByteReceived": .integer(received)])
    }

    private func complete(_ call: AWSCall) async throws -> JSONValue {
        let id = try uploadID(call)
        let digests = try call.input.required(
            "layerDigests",
            try call.input.optionalNouns("layerDigests", count: 1...100, pattern: AWSCall.digestPattern) {
                (text: String) throws(NameError) in try Digest(text)
            })
        let (name, home) = try call.repository()
        let digest = try await registry.uploads.complete(id, in: name, of: home, digests: digests)
        return .about(name, in: home, ["uploadId": .string(id), "layerDigest": .string(digest.description)])
    }

    /// A link to this server, valid for an hour without a password.
    private func link(_ call: AWSCall) async throws -> JSONValue {
        let digest = try call.input.noun("layerDigest", pattern: AWSCall.digestPattern) {
            (text: String) throws(NameError) in try Digest(text)
        }
        let (name, home) = try call.repository()
        try await registry.layers.checkNamed(digest, in: name, of: home)
        let path = "/v2/\(name)/blobs/\(digest)"
        let query = try tokens.links.query(
            for: path, in: home, by: call.caller, accessKeyID: call.accessKeyID, at: call.now)
        return [
            "downloadUrl": .string("\(call.settings.endpoint)\(path)?\(query)"), "layerDigest": .string(digest.description),
        ]
    }

    // MARK: - Images

    private func put(_ call: AWSCall) async throws -> JSONValue {
        let manifest = try call.input.string("imageManifest", length: 1...Manifest.maxBytes)
        let mediaType = try call.input.optionalString("imageManifestMediaType")
        let tag = try call.input.optionalNoun("imageTag", length: 1...300, pattern: Self.tagPattern) {
            (text: String) throws(NameError) in try Tag(text)
        }
        let digest = try call.input.optionalString("imageDigest")
        let (name, home) = try call.repository()
        try await registry.pushTargets.prepare(name, of: home, for: call.caller)
        var push = ImagePush(
            ByteBuffer(string: manifest), contentType: mediaType, tags: tag.map { [$0] } ?? [],
            whereAlreadyThere: .refused)
        push.mustBeNamed = true
        push.digest = try digest.map { text in
            guard let digest = try? Digest(text) else {
                throw Refusal(
                    .imageDigestDoesNotMatch,
                    "The image digest '\(text.prefix(200))' provided does not match the digest calculated from the image manifest"
                )
            }
            return digest
        }
        let image = try await registry.pulls.pushes.put(push, in: name, of: home, for: call.caller)
        let stored = StoredImage(digest: image.digest, tag: tag, mediaType: image.mediaType, bytes: push.bytes)
        return ["image": .image(stored, name, in: home)]
    }

    // MARK: - What they share

    private static let tagPattern = "[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}"
    private static let uploadPattern = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"

    private func uploadID(_ call: AWSCall) throws -> String {
        try call.input.string(
            "uploadId",
            pattern: Pattern(Self.uploadPattern) { text in
                let groups = text.split(separator: "-", omittingEmptySubsequences: false)
                return groups.map(\.utf8.count) == [8, 4, 4, 4, 12] && groups.joined().allSatisfy { $0.isASCII && $0.isHexDigit }
            })
    }
}
