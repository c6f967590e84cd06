import HTTPTypes
import NIOCore
import WeirCore
import WeirRegistry
import WeirServer

extension DistributionAPI {
    /// `GET` and `HEAD /v2/<name>/manifests/<reference>`: the bytes as they were pushed, whatever `Accept` says. Converting them
    /// would change the digest.
    func manifest(
        _ reference: DistributionPath.ManifestReference, in name: RepositoryName, _ call: DistributionCall
    ) async throws -> Reply {
        let served = try await registry.pulls.manifests.pull(
            try Self.readable(reference), in: name, of: call.registry, for: call.caller, isHead: call.method == .head)
        let digest = "\(served.digest)"
        let eTag = "\"\(digest)\""
        var headers: HTTPFields = [.contentType: served.mediaType, .contentDigest: digest, .eTag: eTag]
        if let warning = served.warning { headers[.warning] = Self.stale(warning) }
        if call.request.headers[.ifNoneMatch] == eTag {
            return call.reply(.notModified, headers)
        }
        return call.reply(.ok, headers, .bytes(served.bytes))
    }

    /// `PUT /v2/<name>/manifests/<reference>`, with `?tag=` for several tags where the reference is a digest.
    func putManifest(
        _ reference: DistributionPath.ManifestReference, in name: RepositoryName, _ call: DistributionCall
    ) async throws -> Reply {
        guard case .reference(let reference) = reference else { throw Self.problem(of: reference) }
        try await registry.pushTargets.prepare(name, of: call.registry, for: call.caller)
        return try await call.request.body.withWhole(upTo: Manifest.maxBytes) { bytes in
            guard let bytes else {
                throw Refusal(.manifestTooLarge, "The manifest is longer than the \(Manifest.maxBytes) bytes allowed")
            }
            return try await put(bytes, reference, in: name, call)
        }
    }

    private func put(
        _ bytes: ByteBuffer, _ reference: Reference, in name: RepositoryName, _ call: DistributionCall
    ) async throws -> Reply {
        var push = ImagePush(bytes, contentType: call.request.headers[.contentType])
        let besides = try call.query.all("tag").map { try Tag($0) }
        switch reference {
        case .tag(let tag): push.tags = [tag]
        case .digest(let digest):
            push.digest = digest
            push.tags = try Self.distinct(besides)
        }
        let image = try await registry.pulls.pushes.put(push, in: name, of: call.registry, for: call.caller)
        var headers: HTTPFields = [
            .location: "/v2/\(name)/manifests/\(image.digest)", .contentDigest: "\(image.digest)",
        ]
        // The client then does not write the referrers tag, since the server has the referrers API.
        if let subject = image.subject { headers[.subject] = "\(subject)" }
        if !besides.isEmpty, !push.tags.isEmpty { headers[.tag] = push.tags.map(\.description).joined(separator: ", ") }
        return call.reply(.created, headers)
    }

    /// Protects the one transaction that points all the tags.
    static let maxTagsAtOnce = 100

    private static func distinct(_ tags: [Tag]) throws(Refusal) -> [Tag] {
        var seen: Set<Tag> = []
        let tags = tags.filter { seen.insert($0).inserted }
        guard tags.count <= maxTagsAtOnce else {
            throw Refusal(.invalidParameter, "A request may name \(maxTagsAtOnce) tags at most")
        }
        return tags
    }

    /// `DELETE /v2/<name>/manifests/<reference>`: a tag, or an image with all its tags.
    func deleteManifest(
        _ reference: DistributionPath.ManifestReference, in name: RepositoryName, _ call: DistributionCall
    ) async throws -> Reply {
        try await registry.images.delete(try Self.readable(reference), in: name, of: call.registry)
        return call.reply(.accepted)
    }

    /// A malformed tag names nothing; a malformed digest is the caller's error.
    private static func readable(_ reference: DistributionPath.ManifestReference) throws -> Reference {
        switch reference {
        case .reference(let reference): return reference
        case .malformed(let error) where error.noun == "digest": throw error
        case .malformed: throw Refusal(.imageNotFound, "Requested image not found")
        }
    }

    private static func problem(of reference: DistributionPath.ManifestReference) -> any Error {
        switch reference {
        case .reference(let reference): NameError("reference", "\(reference)", "is not one")
        case .malformed(let error): error
        }
    }
}
