package import WeirCore

/// What can be told of an image's scan: ECR's `ImageScanStatus`. There is no source of vulnerabilities here, so that each failed.
package struct ImageScan: Sendable, Hashable {
    package let requestedAt: Timestamp

    package var status: String { "FAILED" }
    package var reason: String { Self.reason }

    package static let reason =
        "This server has no source of vulnerability data: the image was not scanned and nothing is known of its vulnerabilities"
}

/// Scans that were asked for. They are remembered, so that what was asked can be told apart from what was not; nothing is
/// scanned, and no quota is used up.
package struct Scans: Sendable {
    let database: any SQLDatabase
    let images: Images
    let clock: WallClock

    /// Refuses what ECR cannot scan: a list of images.
    package func start(
        _ id: ImageIDRequest, in name: RepositoryName, of registry: RegistryID
    ) async throws -> (image: ImageID, scan: ImageScan) {
        let image = try await images.find(id, in: name, of: registry)
        let repository = try await images.repositories.existing(name, in: registry)
        let scan = ImageScan(requestedAt: clock.now)
        try await database.write { sql in
            guard let row = try ImageTable.find(.digest(image.digest), in: repository.id, sql) else {
                throw Refusal.imageNotFound(id, in: repository)
            }
            guard row.status == .active else {
                throw Refusal(.imageArchived, "The image is archived and cannot be scanned: restore it first")
            }
            guard row.mediaType != MediaType.ociIndex, row.mediaType != MediaType.dockerList else {
                throw Refusal(
                    .unsupportedImageType,
                    "The image is a list of images, which cannot be scanned: name one of its images by digest")
            }
            try ImageScanTable.put(scan, of: image.digest, in: repository.id, sql)
        }
        return (image, scan)
    }

    /// The scan of an image. Refuses where none was asked for.
    package func scan(
        of id: ImageIDRequest, in name: RepositoryName, of registry: RegistryID
    ) async throws -> (image: ImageID, scan: ImageScan) {
        let image = try await images.find(id, in: name, of: registry)
        let repository = try await images.repositories.existing(name, in: registry)
        guard let scan = try await database.read({ try ImageScanTable.find(image.digest, in: repository.id, $0) }) else {
            throw Refusal(
                .scanNotFound,
                "Image scan does not exist for the image with '{imageDigest:'\(id.digest ?? "null")', "
                    + "imageTag:'\(id.tag ?? "null")'}' in the repository with name '\(name)' "
                    + "in the registry with id '\(registry.account)'")
        }
        return (image, scan)
    }
}
