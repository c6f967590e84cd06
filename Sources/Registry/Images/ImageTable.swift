import NIOCore
import WeirCore

/// The rows of `image`, `tag`, and of what manifests name: `image_child`, `image_blob`.
enum ImageTable {
    /// A manifest's row, with the repository's wrapped data key that opens its bytes.
    struct Row: Sendable {
        let digest: Digest
        let mediaType: String
        let sealedManifest: [UInt8]
        let sealedKey: [UInt8]
        /// For a row found by its tag: when upstream was last asked; nil for what was pushed.
        let checkedAt: Timestamp?
        let origin: Origin
        let status: ImageStatus
    }

    static func find(
        _ reference: Reference, in repository: Int64, _ sql: any SQLConnection
    ) throws -> Row? {
        let columns = "i.digest, i.media_type, i.manifest, r.sealed_key, i.origin, i.status"
        let rows =
            switch reference {
            case .tag(let tag):
                try sql.rows(
                    """
                    SELECT \(columns), t.checked_at FROM tag t
                    JOIN image i ON i.repository = t.repository AND i.digest = t.digest
                    JOIN repository r ON r.id = t.repository
                    WHERE t.repository = $1 AND t.name = $2
                    """, [.integer(repository), .text(tag.description)])
            case .digest(let digest):
                try sql.rows(
                    """
                    SELECT \(columns), NULL FROM image i JOIN repository r ON r.id = i.repository
                    WHERE i.repository = $1 AND i.digest = $2
                    """, [.integer(repository), .text(digest.description)])
            }
        return try rows.first.map { row in
            Row(
                digest: try Digest(row.text(0)), mediaType: try row.text(1), sealedManifest: try row.bytes(2),
                sealedKey: try row.bytes(3), checkedAt: try row.optionalTimestamp(6),
                origin: Origin(rawValue: try row.text(4)) ?? .push,
                status: ImageStatus(rawValue: try row.text(5)) ?? .active)
        }
    }

    /// What is inserted for a manifest.
    struct New: Sendable {
        let repository: Int64
        let manifest: Manifest
        let sealedManifest: [UInt8]
        let size: Int64
        let at: Timestamp
        let origin: Origin
    }

    /// Adds the manifest with what it names. False where it is there already: then the stored bytes, which may be damaged, are
    /// replaced, and a push marks the image as pushed. An archived image comes back, which counts as adding.
    static func insert(_ new: New, _ sql: any SQLConnection) throws -> Bool {
        let manifest = new.manifest
        let digest = SQLValue.text(manifest.digest.description)
        if try exists(manifest.digest, in: new.repository, sql) {
            let isBack = try activate(manifest.digest, in: new.repository, at: new.at, sql)
            try sql.execute(
                """
                UPDATE image SET manifest = $1, origin = CASE WHEN origin = 'push' THEN 'push' ELSE $2 END
                WHERE repository = $3 AND digest = $4
                """,
                [.bytes(new.sealedManifest), .text(new.origin.rawValue), .integer(new.repository), digest])
            return isBack
        }
        try sql.execute(
            """
            INSERT INTO image (repository, digest, media_type, artifact_type, subject, size, manifest, pushed_at, origin)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
            """,
            [
                .integer(new.repository), digest, .text(manifest.mediaType), .text(manifest.artifactType),
                .text(manifest.subject?.digest), .integer(new.size), .bytes(new.sealedManifest),
                .timestamp(new.at), .text(new.origin.rawValue),
            ])
        try growLists(naming: digest, to: new.size, in: new.repository, sql)
        for child in manifest.children {
            // A list leads clients to it, so it must not be in the archive.
            _ = try activate(child.digest, in: new.repository, at: new.at, sql)
            try sql.execute(
                """
                INSERT INTO image_child (repository, parent, child, size) VALUES ($1, $2, $3, $4)
                ON CONFLICT (repository, parent, child) DO NOTHING
                """, [.integer(new.repository), digest, .text(child.digest.description), .integer(child.size)])
        }
        for blob in manifest.blobs {
            try sql.execute(
                """
                INSERT INTO image_blob (repository, image, digest, size) VALUES ($1, $2, $3, $4)
                ON CONFLICT (repository, image, digest) DO NOTHING
                """, [.integer(new.repository), digest, .text(blob.digest.description), .integer(blob.size)])
        }
        return true
    }

    /// The size of a list is that of its largest child, which may come after the list.
    private static func growLists(
        naming child: SQLValue, to size: Int64, in repository: Int64, _ sql: any SQLConnection
    ) throws {
        try sql.execute(
            """
            UPDATE image SET size = $1 WHERE repository = $2 AND size < $3
            AND digest IN (SELECT parent FROM image_child WHERE repository = $4 AND child = $5)
            """,
            [.integer(size), .integer(repository), .integer(size), .integer(repository), child])
    }

    /// The digest a tag points to now.
    static func digest(of tag: Tag, in repository: Int64, _ sql: any SQLConnection) throws -> Digest? {
        try sql.rows(
            "SELECT digest FROM tag WHERE repository = $1 AND name = $2",
            [.integer(repository), .text(tag.description)]
        ).first.map { try Digest($0.text(0)) }
    }

    /// Points a tag at an image. `checkedAt`: when upstream said so; nil for a push.
    static func point(
        _ tag: Tag, to digest: Digest, in repository: Int64, checkedAt: Timestamp?, _ sql: any SQLConnection
    ) throws {
        try sql.execute(
            """
            INSERT INTO tag (repository, name, digest, checked_at) VALUES ($1, $2, $3, $4)
            ON CONFLICT (repository, name) DO UPDATE SET digest = excluded.digest, checked_at = excluded.checked_at
            """,
            [
                .integer(repository), .text(tag.description), .text(digest.description), .timestamp(checkedAt),
            ])
    }

    /// The digest that a tag keeps although upstream names another one: the tag was pushed here, or is immutable. Nil where the
    /// tag may be pointed at `digest`.
    static func kept(
        _ tag: Tag, insteadOf digest: Digest, in repository: Repository, _ sql: any SQLConnection
    ) throws -> Digest? {
        let row = try sql.rows(
            "SELECT digest, checked_at FROM tag WHERE repository = $1 AND name = $2",
            [.integer(repository.id), .text(tag.description)]
        ).first
        guard let row else { return nil }
        let before = try Digest(row.text(0))
        if try row.optionalInteger(1) == nil { return before }
        return before == digest || repository.mutability.mayMove(tag) ? nil : before
    }

    /// Records that upstream was asked about a tag whose image stays.
    static func noteChecked(_ tag: Tag, in repository: Int64, at now: Timestamp, _ sql: any SQLConnection) throws {
        try sql.execute(
            "UPDATE tag SET checked_at = $1 WHERE repository = $2 AND name = $3 AND checked_at IS NOT NULL",
            [.timestamp(now), .integer(repository), .text(tag.description)])
    }

    static func exists(_ digest: Digest, in repository: Int64, _ sql: any SQLConnection) throws -> Bool {
        try !sql.rows(
            "SELECT 1 FROM image WHERE repository = $1 AND digest = $2",
            [.integer(repository), .text(digest.description)]
        ).isEmpty
    }

    /// The lists in the repository that name `digest` as one of theirs.
    static func lists(naming digest: Digest, in repository: Int64, _ sql: any SQLConnection) throws -> [Digest] {
        try sql.rows(
            "SELECT parent FROM image_child WHERE repository = $1 AND child = $2 ORDER BY parent",
            [.integer(repository), .text(digest.description)]
        ).map { try Digest($0.text(0)) }
    }

    static func tags(of digest: Digest, in repository: Int64, _ sql: any SQLConnection) throws -> [Tag] {
        try sql.rows(
            "SELECT name FROM tag WHERE repository = $1 AND digest = $2 ORDER BY name",
            [.integer(repository), .text(digest.description)]
        ).map { try Tag($0.text(0)) }
    }

    /// A digest with each of its tags, or alone.
    static func ids(of digest: Digest, in repository: Int64, _ sql: any SQLConnection) throws -> [ImageID] {
        let tags = try tags(of: digest, in: repository, sql)
        return tags.isEmpty ? [ImageID(digest: digest, tag: nil)] : tags.map { ImageID(digest: digest, tag: $0) }
    }

    static func removeTag(_ tag: Tag, in repository: Int64, _ sql: any SQLConnection) throws -> Bool {
        try sql.execute(
            "DELETE FROM tag WHERE repository = $1 AND name = $2",
            [.integer(repository), .text(tag.description)]) == 1
    }

    /// Removes a manifest, its tags and what it named.
    static func remove(_ digest: Digest, in repository: Int64, _ sql: any SQLConnection) throws -> Bool {
        try sql.execute(
            "DELETE FROM image WHERE repository = $1 AND digest = $2",
            [.integer(repository), .text(digest.description)]) == 1
    }

    /// The sum of an image's blobs; for a list its largest child, as ECR counts.
    static func size(of manifest: Manifest, in repository: Int64, _ sql: any SQLConnection) throws -> Int64 {
        let children = manifest.children
        guard !children.isEmpty else {
            return Int64(manifest.bytes.readableBytes).adding(manifest.blobs.map(\.size).total)
        }
        return try ImagePushQueries.largest(of: Set(children.map(\.digest)).sorted(), in: repository, sql)
    }

    /// Records a pull; an earlier moment than the recorded one changes nothing.
    static func pulled(
        _ digest: Digest, in repository: Int64, at moment: Timestamp, _ sql: any SQLConnection
    ) throws {
        try sql.execute(
            """
            UPDATE image SET pulled_at = $1 WHERE repository = $2 AND digest = $3
            AND (pulled_at IS NULL OR pulled_at < $4)
            """,
            [.timestamp(moment), .integer(repository), .text(digest.description), .timestamp(moment)])
    }

    // MARK: - Where an image is kept

    /// Moves an active image to the archive. False where it is not active.
    static func archive(
        _ digest: Digest, in repository: Int64, at now: Timestamp, _ sql: any SQLConnection
    ) throws -> Bool {
        try sql.execute(
            """
            UPDATE image SET status = 'ARCHIVED', archived_at = $1
            WHERE repository = $2 AND digest = $3 AND status = 'ACTIVE'
            """, [.timestamp(now), .integer(repository), .text(digest.description)]) == 1
    }

    /// Begins to bring an image back. False where it is not in the archive.
    static func beginActivation(
        of digest: Digest, in repository: Int64, _ sql: any SQLConnection
    ) throws -> Bool {
        try sql.execute(
            "UPDATE image SET status = 'ACTIVATING' WHERE repository = $1 AND digest = $2 AND status = 'ARCHIVED'",
            [.integer(repository), .text(digest.description)]) == 1
    }

    /// Brings an image back. False where it is active already.
    static func activate(
        _ digest: Digest, in repository: Int64, at now: Timestamp, _ sql: any SQLConnection
    ) throws -> Bool {
        try sql.execute(
            """
            UPDATE image SET status = 'ACTIVE', activated_at = $1
            WHERE repository = $2 AND digest = $3 AND status <> 'ACTIVE'
            """, [.timestamp(now), .integer(repository), .text(digest.description)]) == 1
    }
}
