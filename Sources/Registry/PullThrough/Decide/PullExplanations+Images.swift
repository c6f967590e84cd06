import WeirCore

/// Which layers and platforms of an image are here.
extension PullExplanations {
    /// As many are told one by one.
    private static let mostTold = 20

    /// A sentence; nil for what names no blobs.
    func layersHere(of digest: Digest, in repository: Repository) async throws -> String? {
        let scope = blobs.location(of: digest, in: repository).scope
        let (all, here) = try await images.database.read { sql in
            try BlobTable.presence(of: digest, in: repository.id, scope: scope, sql)
        }
        guard all > 0 else { return nil }
        return all == here
            ? "All \(all) blobs are stored" : "\(here) of \(all) blobs are stored; the others are fetched when asked for"
    }

    /// A sentence such as "1 of 3 platforms is here: linux/amd64. Fetched when a client asks for them: linux/arm64,
    /// linux/arm/v7"; nil where the image is no list, or names no platforms.
    func platformsHere(of row: ImageTable.Row, in repository: Repository) async throws -> String? {
        guard [MediaType.ociIndex, MediaType.dockerList].contains(row.mediaType),
            let list = try? Manifest(
                images.seal.open(row, in: repository), contentType: row.mediaType, algorithm: row.digest.algorithm)
        else { return nil }
        // What stands beside images (attestations) names the platform "unknown/unknown".
        let named = list.children.compactMap { child in
            child.platform.flatMap { $0.hasPrefix("unknown/") ? nil : (platform: $0, digest: child.digest) }
        }
        guard !named.isEmpty else { return nil }
        let repositoryID = repository.id
        let scopes = named.map { blobs.location(of: $0.digest, in: repository).scope }
        let stored = try await images.database.read { sql in
            try zip(named, scopes).map { child, scope -> String? in
                guard try ImageTable.find(.digest(child.digest), in: repositoryID, sql) != nil else { return nil }
                let (all, here) = try BlobTable.presence(of: child.digest, in: repositoryID, scope: scope, sql)
                return all == here ? "" : " (\(here) of \(all) blobs)"
            }
        }
        let here = zip(named, stored).compactMap { child, share in share.map { child.platform + $0 } }
        let away = zip(named, stored).filter { $0.1 == nil }.map(\.0.platform)
        let count = "\(here.count) of \(named.count) platforms \(here.count == 1 ? "is" : "are") here"
        return count + (here.isEmpty ? "" : ": \(Self.listed(here))")
            + (away.isEmpty ? "" : ". Fetched when a client asks for them: \(Self.listed(away))")
    }

    private static func listed(_ names: [String]) -> String {
        names.prefix(mostTold).joined(separator: ", ") + (names.count > mostTold ? " and \(names.count - mostTold) more" : "")
    }
}
