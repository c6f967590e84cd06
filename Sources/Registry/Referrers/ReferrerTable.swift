import WeirCore

/// The rows of `upstream_referrers`, what upstream said of an image's referrers; and the referrers that are here.
enum ReferrerTable {
    /// A page of the images whose subject is `subject`, by digest: those after `digest`, and only of `types` where any are
    /// given.
    static func local(
        to subject: Digest, in repository: Int64, types: [String], after digest: String?, limit: Int,
        _ sql: any SQLConnection
    ) throws -> [Digest] {
        var arguments: [SQLValue] = [.integer(repository), .text(subject.description), .text(digest ?? "")]
        var condition = ""
        if !types.isEmpty {
            let places = types.indices.map { "$\(arguments.count + 1 + $0)" }.joined(separator: ", ")
            condition = "AND artifact_type IN (\(places))"
            arguments += types.map { .text($0) }
        }
        return try sql.rows(
            """
            SELECT digest FROM image WHERE repository = $1 AND subject = $2 AND digest > $3 \(condition)
            ORDER BY digest LIMIT $\(arguments.count + 1)
            """, arguments + [.integer(limit)]
        ).map { try Digest($0.text(0)) }
    }

    /// What upstream said of an image's referrers.
    struct Listing: Sendable {
        let sealed: [UInt8]
        let checkedAt: Timestamp
    }

    static func listing(
        of subject: Digest, in repository: Int64, _ sql: any SQLConnection
    ) throws -> Listing? {
        try sql.rows(
            "SELECT listing, checked_at FROM upstream_referrers WHERE repository = $1 AND subject = $2",
            [.integer(repository), .text(subject.description)]
        ).first.map { Listing(sealed: try $0.bytes(0), checkedAt: try $0.timestamp(1)) }
    }

    /// Records what upstream said, unless the image is gone.
    static func put(
        _ listing: Listing, of subject: Digest, in repository: Int64, _ sql: any SQLConnection
    ) throws {
        guard try ImageTable.exists(subject, in: repository, sql) else { return }
        try sql.execute(
            """
            INSERT INTO upstream_referrers (repository, subject, listing, checked_at) VALUES ($1, $2, $3, $4)
            ON CONFLICT (repository, subject) DO UPDATE SET listing = excluded.listing, checked_at = excluded.checked_at
            """,
            [
                .integer(repository), .text(subject.description), .bytes(listing.sealed),
                .timestamp(listing.checkedAt),
            ])
    }
}
