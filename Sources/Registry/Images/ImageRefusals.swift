package import WeirCore

/// ECR's sentences about images (docs/ecr.md, "Sentences").
extension Refusal {
    package static let imageNotFound = Refusal(.imageNotFound, "Requested image not found")

    static func imageNotFound(_ id: ImageIDRequest, in repository: Repository) -> Refusal {
        Refusal(
            .imageNotFound,
            "The image with imageId {imageDigest:'\(id.digest ?? "null")', imageTag:'\(id.tag ?? "null")'} does not exist "
                + "within the repository with name '\(repository.name)' in the registry with id '\(repository.registry.account)'"
        )
    }

    static func imageTagAlreadyExists(_ tag: Tag, in name: RepositoryName) -> Refusal {
        Refusal(
            .imageTagAlreadyExists,
            "The image tag '\(tag)' already exists in the '\(name)' repository and cannot be overwritten because the tag is immutable."
        )
    }

    static func layersNotFound(_ digests: [Digest], in repository: Repository) -> Refusal {
        Refusal(
            .layersNotFound,
            "Layers with digests '\(digests.list)' required for pushing image into repository with name '\(repository.name)' "
                + "in the registry with id '\(repository.registry.account)' do not exist")
    }

    static func referencedImagesNotFound(_ digests: [Digest], in repository: Repository) -> Refusal {
        Refusal(
            .referencedImagesNotFound,
            "Images with digests '\(digests.list)' required for pushing image into repository with name '\(repository.name)' "
                + "in the registry with id '\(repository.registry.account)' do not exist")
    }

    static func referencedByManifestList(_ lists: [Digest]) -> Refusal {
        Refusal(.imageReferencedByManifestList, "Requested image referenced by manifest list: \(lists.list)")
    }

    static func imageAlreadyExists(_ digest: Digest, _ tag: Tag?, in repository: Repository) -> Refusal {
        Refusal(
            .imageAlreadyExists,
            "Image with digest '\(digest)' and tag '\(tag?.description ?? "null")' already exists in the repository with name "
                + "'\(repository.name)' in registry with id '\(repository.registry.account)'")
    }

    static func layerAlreadyExists(_ digest: Digest, in repository: Repository) -> Refusal {
        Refusal(
            .layerAlreadyExists,
            "The layer with digest '\(digest)' already exists in the repository with name '\(repository.name)' "
                + "in registry with id '\(repository.registry.account)'")
    }

    static func layerNotFound(_ digest: Digest, in repository: Repository) -> Refusal {
        Refusal(
            .layersNotFound,
            "The layer with digest '\(digest)' does not exist in the repository with name '\(repository.name)' "
                + "in the registry with id '\(repository.registry.account)'")
    }

    static func blobUnknown(_ digest: Digest, in name: RepositoryName) -> Refusal {
        Refusal(.blobUnknown, "The layer \(digest) does not exist in the repository '\(name)'")
    }
}

extension [Digest] {
    /// At most ten: a document may name a thousand, and both the answer and the log repeat them.
    fileprivate var list: String {
        let shown = prefix(10).map(\.description).joined(separator: ", ")
        return count > 10 ? "[\(shown) and \(count - 10) more]" : "[\(shown)]"
    }
}
