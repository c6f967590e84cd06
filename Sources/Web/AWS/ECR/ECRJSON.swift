import NIOCore
import WeirCore
import WeirRegistry

/// How ECR's nouns look on the wire. Absent members are left out.
extension JSONValue {
    static func repository(_ repository: Repository, _ settings: AWSSettings) -> JSONValue {
        .members([
            "repositoryArn": .string(repository.arn),
            "registryId": .string(repository.registry.account.description),
            "repositoryName": .string(repository.name.description),
            "repositoryUri": .string("\(settings.publicHost)/\(repository.name)"),
            "createdAt": .timestamp(repository.createdAt),
            "imageTagMutability": .string(repository.mutability.setting.rawValue),
            "imageTagMutabilityExclusionFilters": exclusionFilters(repository.mutability),
            "imageScanningConfiguration": ["scanOnPush": .bool(repository.scanOnPush)],
            "encryptionConfiguration": .members([
                "encryptionType": .string(repository.encryption.type),
                "kmsKey": repository.encryption.keyARN.map { .string($0) },
            ]),
        ])
    }

    static func exclusionFilters(_ mutability: TagMutability) -> JSONValue? {
        guard !mutability.exclusions.isEmpty else { return nil }
        return .array(mutability.exclusions.map { ["filterType": "WILDCARD", "filter": .string($0)] })
    }

    static func tags(_ tags: [ResourceTag]) -> JSONValue {
        .array(tags.map { ["Key": .string($0.key), "Value": .string($0.value)] })
    }

    /// `{registryId, repositoryName}` and what else an answer about a repository has.
    static func about(
        _ name: RepositoryName, in registry: RegistryID, _ members: KeyValuePairs<String, JSONValue?>
    ) -> JSONValue {
        JSONValue.object([
            "registryId": .string(registry.account.description), "repositoryName": .string(name.description),
        ]).adding(members)
    }

    static func imageID(digest: String?, tag: String?) -> JSONValue {
        .members(["imageDigest": digest.map { .string($0) }, "imageTag": tag.map { .string($0) }])
    }

    static func imageID(_ id: ImageID) -> JSONValue {
        imageID(digest: id.digest.description, tag: id.tag?.description)
    }

    static func failure(_ failure: ImageFailure) -> JSONValue {
        [
            "imageId": imageID(digest: failure.id.digest, tag: failure.id.tag),
            "failureCode": .string(failure.code.rawValue), "failureReason": .string(failure.reason),
        ]
    }

    static func image(_ image: StoredImage, _ name: RepositoryName, in registry: RegistryID) -> JSONValue {
        .about(
            name, in: registry,
            [
                "imageId": imageID(digest: image.digest.description, tag: image.tag?.description),
                // Manifests are JSON, and so UTF-8.
                "imageManifest": .string(String(buffer: image.bytes)),
                "imageManifestMediaType": .string(image.mediaType),
            ])
    }

    static func imageDetail(_ detail: ImageDetail, _ name: RepositoryName, in registry: RegistryID) -> JSONValue {
        .about(
            name, in: registry,
            [
                "imageDigest": .string(detail.digest.description),
                "imageTags": detail.tags.isEmpty ? nil : .array(detail.tags.map { .string($0.description) }),
                "imageSizeInBytes": .integer(detail.size),
                "imagePushedAt": .timestamp(detail.pushedAt),
                "imageManifestMediaType": .string(detail.mediaType),
                "artifactMediaType": detail.artifactType.map { .string($0) },
                "lastRecordedPullTime": detail.lastPulledAt.map { .timestamp($0) },
                "subjectManifestDigest": detail.subject.map { .string($0.description) },
                "imageStatus": .string(detail.status.rawValue),
                "lastArchivedAt": detail.archivedAt.map { .timestamp($0) },
                "lastActivatedAt": detail.activatedAt.map { .timestamp($0) },
            ])
    }

    static func cacheRule(_ rule: CacheRule, in registry: RegistryID) -> JSONValue {
        .members([
            "ecrRepositoryPrefix": .string(rule.prefix.description),
            "upstreamRegistryUrl": .string(rule.upstreamURL),
            "upstreamRegistry": rule.kind == .other ? nil : .string(rule.kind.rawValue),
            "createdAt": .timestamp(rule.createdAt),
            "updatedAt": rule.updatedAt.map { .timestamp($0) },
            "registryId": .string(registry.account.description),
            "credentialArn": rule.credentialARN.map { .string($0) },
            "customRoleArn": rule.customRoleARN.map { .string($0) },
            "upstreamRepositoryPrefix": rule.upstreamPrefix.map { .string($0.description) },
        ])
    }

    static func template(_ template: CreationTemplate) -> JSONValue {
        .members([
            "prefix": .string(template.prefix.description),
            "description": template.description.map { .string($0) },
            "encryptionConfiguration": .members([
                "encryptionType": .string(template.encryptionType), "kmsKey": template.kmsKey.map { .string($0) },
            ]),
            "resourceTags": template.resourceTags.isEmpty ? nil : tags(template.resourceTags),
            "imageTagMutability": .string(template.mutability.setting.rawValue),
            "imageTagMutabilityExclusionFilters": exclusionFilters(template.mutability),
            "repositoryPolicy": template.repositoryPolicy.map { .string($0) },
            "lifecyclePolicy": template.lifecyclePolicy.map { .string($0) },
            "appliedFor": .array(template.appliedFor.map { .string($0.rawValue) }),
            "customRoleArn": template.customRoleARN.map { .string($0) },
            "createdAt": .timestamp(template.createdAt),
            "updatedAt": .timestamp(template.updatedAt),
        ])
    }
}
