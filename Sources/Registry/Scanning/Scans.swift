package import WeirCore

/// The status of an image's scan: ECR's `ImageScanStatus`. This server has no source of vulnerabilities, so every scan has
/// failed.
package struct ImageScan: Sendable, Hashable {
    package let requestedAt: Timestamp

    package var status: String { "FAILED" }
    package var reason: String { Self.reason }

    package static let reason =
        "This server has no source of vulnerability data: the image was not scanned and nothing is known of its vulnerabilities"
}

/// Scans that were ordered. They are remembered, so that an ordered scan can be told from one that was not. Nothing is scanned,
/// and no quota is used up.
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

    /// The scan of an image. Refuses where none was ordered.
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
