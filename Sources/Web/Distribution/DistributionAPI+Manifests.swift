import HTTPTypes
import NIOCore
import WeirCore
import WeirRegistry

extension DistributionAPI {
    /// `GET` and `HEAD /v2/<name>/manifests/<reference>`: the bytes as they were pushed, whatever `Accept` says. Converting them
    /// would change the digest.
    func manifest(
        _ reference: DistributionPath.ManifestReference, in name: RepositoryName, _ call: DistributionCall
    ) async throws -> Reply {
        try await permit(call, "ecr:BatchGetImage", on: name)
        let served = try await registry.pulls.manifest(
            try Self.readable(reference), in: name, of: call.registry, for: call.caller)
        let digest = "\(served.digest)"
        let eTag = "\"\(digest)\""
        var headers: HTTPFields = [.contentType: served.mediaType, .contentDigest: digest, .eTag: eTag]
        // RFC 7234, 5.5.1: "Response is stale". The text is ours and holds no quote.
        if let warning = served.warning {
            headers[.warning] = "110 - \"\(String(warning.map { $0 == "\"" || $0 == "\\" ? "'" : $0 }))\""
        }
        if call.request.headers[.ifNoneMatch] == eTag {
            return call.reply(.notModified, headers)
        }
        return call.reply(.ok, headers, .bytes(served.bytes))
    }

    /// `PUT /v2/<name>/manifests/<reference>`
    func putManifest(
        _ reference: DistributionPath.ManifestReference, in name: RepositoryName, _ call: DistributionCall
    ) async throws -> Reply {
        guard case .reference(let reference) = reference else { throw Self.problem(of: reference) }
        try await permit(call, "ecr:PutImage", on: name)
        guard let bytes = try await call.request.body.collect(upTo: Manifest.maxBytes) else {
            throw Refusal(.manifestTooLarge, "The manifest is longer than the \(Manifest.maxBytes) bytes allowed")
        }
        let image = try await registry.images.put(
            bytes, contentType: call.request.headers[.contentType], as: reference, in: name, of: call.registry)
        // No `OCI-Subject`, whatever the manifest's subject: it would tell the client that the referrers API is there, and to
        // leave out the referrers tag that the specification's fallback needs.
        return call.reply(
            .created,
            [.location: "/v2/\(name)/manifests/\(image.digest)", .contentDigest: "\(image.digest)"])
    }

    /// `DELETE /v2/<name>/manifests/<reference>`: a tag, or an image with all its tags.
    func deleteManifest(
        _ reference: DistributionPath.ManifestReference, in name: RepositoryName, _ call: DistributionCall
    ) async throws -> Reply {
        try await permit(call, "ecr:BatchDeleteImage", on: name)
        try await registry.images.delete(try Self.readable(reference), in: name, of: call.registry)
        return call.reply(.accepted)
    }

    /// A tag that cannot be one names nothing; a digest that cannot be one is the caller's error.
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
