package import WeirCore

extension Event {
    package enum ImageAction: String, Sendable {
        case push = "PUSH"
        case delete = "DELETE"
        case updateStorageClass = "UPDATE_STORAGE_CLASS"
    }

    /// An image was pushed, deleted or moved between storage classes: "ECR Image Action", or "ECR Referrer Action" for what has
    /// a subject.
    ///
    /// - Parameters:
    ///   - targetStorageClass: `ARCHIVE` or `STANDARD`, where the action is `updateStorageClass`.
    ///   - activatedAt: when a restored image became readable again.
    package static func image(
        _ action: ImageAction, _ id: ImageID, in repository: Repository, mediaType: String? = nil,
        artifactType: String? = nil, isReferrer: Bool = false, targetStorageClass: String? = nil,
        activatedAt: Timestamp? = nil
    ) -> Event {
        Event(
            isReferrer ? .referrerAction : .imageAction, in: repository.registry,
            [
                "result": "SUCCESS", "repository-name": "\(repository.name)", "image-digest": "\(id.digest)",
                "action-type": .string(action.rawValue), "image-tag": id.tag.map { "\($0)" },
                "target-storage-class": targetStorageClass.map { .string($0) },
                "manifest-media-type": mediaType.map { .string($0) },
                "artifact-media-type": artifactType.map { .string($0) },
                "last-activated-at": activatedAt.map { .string($0.iso8601) },
            ])
    }
}

extension Event {
    static func pushed(_ manifest: Manifest, as reference: Reference?, in repository: Repository) -> Event {
        var tag: Tag?
        if case .tag(let name)? = reference { tag = name }
        return image(
            .push, ImageID(digest: manifest.digest, tag: tag), in: repository, mediaType: manifest.mediaType,
            artifactType: manifest.artifactType, isReferrer: manifest.subject != nil)
    }

    /// A pull through the cache stored an image, or a new one under a tag. What is found unchanged upstream makes no event.
    static func pulledThrough(
        _ rule: CacheRule, _ reference: Reference, digest: Digest, at context: PullContext
    ) -> Event {
        pullThrough(rule, reference, digest: digest, at: context, failure: nil)
    }

    /// Upstream was asked, and the pull failed, or what is held was served instead.
    static func pullThroughFailed(
        _ rule: CacheRule, _ reference: Reference, at context: PullContext, because refusal: Refusal
    ) -> Event {
        pullThrough(rule, reference, digest: nil, at: context, failure: refusal)
    }

    /// A tag was served without upstream's word.
    static func staleServed(
        _ rule: CacheRule, _ tag: Tag, digest: Digest, at context: PullContext, because reason: String
    ) -> Event {
        Event(
            .staleServed, in: context.registry, resources: [context.arn],
            [
                "ecr-repository-prefix": "\(rule.prefix)", "repository-name": "\(context.name)",
                "upstream-registry-url": .string(rule.upstreamURL), "image-tag": "\(tag)", "image-digest": "\(digest)",
                "reason": .string(reason),
            ])
    }

    private static func pullThrough(
        _ rule: CacheRule, _ reference: Reference, digest: Digest?, at context: PullContext, failure: Refusal?
    ) -> Event {
        var tag: Tag?
        var digest = digest
        switch reference {
        case .tag(let name): tag = name
        case .digest(let named): digest = named
        }
        return Event(
            .pullThroughCacheAction, in: context.registry, resources: [context.arn],
            [
                "rule-version": "1", "sync-status": failure == nil ? "SUCCESS" : "FAILURE",
                "ecr-repository-prefix": "\(rule.prefix)", "repository-name": "\(context.name)",
                "upstream-registry-url": .string(rule.upstreamURL), "image-tag": tag.map { "\($0)" },
                "image-digest": digest.map { "\($0)" },
                "failure-code": failure.map { .string(Self.failureCode($0.reason)) },
                "failure-reason": failure.map { .string($0.message) },
            ])
    }

    /// AWS publishes no list of these: they are the words of `ImageFailureCode`, and of the exceptions.
    private static func failureCode(_ reason: Refusal.Reason) -> String {
        switch reason {
        case .imageNotFound, .repositoryNotFound: "ImageNotFound"
        case .upstreamDenied: "UpstreamAccessDenied"
        case .upstreamRateLimited: "UpstreamTooManyRequests"
        case .upstreamUnavailable: "UpstreamUnavailable"
        case .upstreamInvalid: "UpstreamInvalid"
        case .secretNotFound: "SecretNotFound"
        case .unableToAccessSecret, .unableToDecryptSecretValue: "UnableToAccessSecret"
        case .templateFailed: "TemplateFailed"
        case .kmsKeyDisabled, .kmsKeyNotFound, .kmsInvalidState, .kmsGrantRevoked: "KmsError"
        case .storageFull: "StorageFull"
        case .storageUnavailable: "StorageUnavailable"
        default: "Failed"
        }
    }
}

extension PullContext {
    fileprivate var arn: String { registry.arn("ecr", "repository/\(name)") }
}
