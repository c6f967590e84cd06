import NIOCore
package import WeirCore

extension ManifestPulls {
    /// Several manifests at once: ECR's `BatchGetImage`, which pulls through as a client's pull does. Each id answers for itself.
    package func batchGet(
        _ ids: [ImageIDRequest], in name: RepositoryName, of registry: RegistryID, for caller: Caller
    ) async throws -> (images: [StoredImage], failures: [ImageFailure]) {
        guard try await rules.rule(covering: name, in: registry) != nil else {
            return try await images.batchGet(ids, in: name, of: registry)
        }
        var found: [StoredImage] = []
        var failures: [ImageFailure] = []
        var batch = ImageBatch()
        for id in ids.distinct {
            switch id.parsed {
            case .failed(let code, let reason): failures.append(ImageFailure(id: id, code: code, reason: reason))
            case .named(let reference, let digest):
                do {
                    let served = try await pull(reference, in: name, of: registry, for: caller)
                    guard digest == nil || digest == served.digest else {
                        failures.append(.doesNotMatch(id))
                        continue
                    }
                    guard batch.takes(served.bytes.readableBytes) else {
                        failures.append(ImageFailure(id: id, code: .imageInaccessible, reason: ImageBatch.reason))
                        continue
                    }
                    found.append(StoredImage(served, as: reference))
                } catch let refusal as Refusal {
                    guard let code = ImageFailure.Code(refusal.reason) else { throw refusal }
                    failures.append(ImageFailure(id: id, code: code, reason: refusal.message))
                }
            }
        }
        return (found, failures)
    }
}

extension StoredImage {
    fileprivate init(_ served: ServedManifest, as reference: Reference) {
        var tag: Tag?
        if case .tag(let name) = reference { tag = name }
        self.init(digest: served.digest, tag: tag, mediaType: served.mediaType, bytes: served.bytes)
    }
}

extension ImageFailure.Code {
    /// What a failed pull of one image is called in a batch; nil for what is wrong with the whole call.
    fileprivate init?(_ reason: Refusal.Reason) {
        switch reason {
        case .imageNotFound, .repositoryNotFound: self = .imageNotFound
        case .upstreamDenied: self = .upstreamAccessDenied
        case .upstreamRateLimited: self = .upstreamTooManyRequests
        case .upstreamUnavailable, .upstreamInvalid: self = .upstreamUnavailable
        case .kmsKeyDisabled, .kmsKeyNotFound, .kmsInvalidState, .kmsGrantRevoked: self = .kmsError
        case .contentDamaged, .imageArchived: self = .imageInaccessible
        default: return nil
        }
    }
}
