import ConformanceSuites
import WeirCore
import WeirRegistry
import WeirStorage

/// Repositories with images as random trials describe them, written as rows: without pushes, and with any past.
struct LifecycleShelf {
    let house: TestRegistry

    struct Repository: Sendable {
        let name: RepositoryName
        let images: [LifecycleImage]
        let policy: String
    }

    /// Makes repositories with their images and policies, all in one transaction.
    func make(_ repositories: [Repository]) async throws {
        let registry = house.id
        try await house.database.write { sql in
            for (number, repository) in repositories.enumerated() {
                try sql.execute(
                    """
                    INSERT INTO repository (id, account, region, name, created_at, mutability, exclusions, scan_on_push,
                        encryption, sealed_key, lifecycle_policy) VALUES ($1, $2, $3, $4, 0, 'MUTABLE', '[]', 0, 'AES256', $5, $6)
                    """,
                    [
                        .integer(number + 1), .text("\(registry.account)"), .text("\(registry.region)"),
                        .text("\(repository.name)"), .bytes([]), .text(repository.policy),
                    ])
                for image in repository.images { try Self.insert(image, in: .integer(number + 1), sql) }
            }
        }
    }

    private static func insert(_ image: LifecycleImage, in id: SQLValue, _ sql: any SQLConnection) throws {
        try sql.execute(
            """
            INSERT INTO image (repository, digest, media_type, subject, size, manifest, pushed_at, pulled_at, origin,
                status, archived_at, activated_at) VALUES ($1, $2, 'test', $3, 1, $4, $5, $6, 'push', $7, $8, $9)
            """,
            [
                id, .text(image.digest.description), .text(image.subject), .bytes([]), .timestamp(image.pushedAt),
                .timestamp(image.pulledAt), .text(image.status.rawValue), .timestamp(image.archivedAt),
                .timestamp(image.activatedAt),
            ])
        for tag in image.tags {
            try sql.execute(
                "INSERT INTO tag (repository, name, digest) VALUES ($1, $2, $3)",
                [id, .text(tag.description), .text(image.digest.description)])
        }
        for child in image.children {
            try sql.execute(
                "INSERT INTO image_child (repository, parent, child, size) VALUES ($1, $2, $3, 1)",
                [id, .text(image.digest.description), .text(child.description)])
        }
    }

    /// The images that exist, with their status.
    func statuses(in name: RepositoryName) async throws -> [Digest: ImageStatus] {
        var found: [Digest: ImageStatus] = [:]
        var cursor: String?
        repeat {
            let page = try await house.registry.images.describe(
                in: name, of: house.id, .any, nil, after: cursor, limit: 100)
            for image in page.items { found[image.digest] = image.status }
            cursor = page.next
        } while cursor != nil
        return found
    }

    /// All results of a finished preview, page by page.
    func preview(of name: RepositoryName, pages limit: Int = 3) async throws -> [LifecyclePreview.Result] {
        var found: [LifecyclePreview.Result] = []
        var cursor: String?
        repeat {
            let preview = try await house.registry.lifecycle.preview(
                for: name, in: house.id, after: cursor, limit: limit)
            struct NotComplete: Error { let status: LifecyclePreview.Status }
            guard preview.status == .complete else { throw NotComplete(status: preview.status) }
            found += preview.results.items
            cursor = preview.results.next
        } while cursor != nil
        return found
    }
}
