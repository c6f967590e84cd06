import WeirCore

/// What lies here, or is on its way, for one repository is served in another only once upstream has shown, asked in that one's
/// name, that it has the blob there too: knowing a digest is not enough.
///
/// A HEAD shows it where the host can be believed: it is one that ECR knows, whose answers no tenant of this server can write, or
/// it is the host that the content came from. Any other host, which settings allow rules to name, could say yes to every digest
/// and so open other people's content: there only the bytes themselves are a proof, and the blob is fetched again.
extension Fills {
    /// Asks upstream. False where its answer would prove nothing, or makes no sense: then its bytes must. Throws its "no".
    ///
    /// - Parameter size: of the content that is to be shared, where it is known; upstream must not tell another.
    func proves(_ order: Order, byHeadWhere isSameHost: Bool, size: Int64? = nil) async throws -> Bool {
        guard isSameHost || UpstreamKind(host: order.source.host) != nil else { return false }
        do throws(UpstreamError) {
            let told = try await upstream.blobSize(order.digest, in: order.source)
            return told == nil || size == nil || told == size
        } catch {
            guard error.kind == .invalid else { throw error }
            return false
        }
    }

    /// From now on the repository may serve the blob.
    func admit(_ order: Order) async throws {
        try await blobs.database.commit { sql in
            _ = try RepositoryTable.current(order.repository, sql)
            try BlobTable.admit(order.digest, to: order.repository.id, .cache, promisedAt: nil, sql)
            try RepositoryBlobTable.came(order.digest, to: order.repository.id, from: order.source.place, sql)
        }
    }

    /// Whether some other repository got the blob from the place that this one would ask. What counts is where it came from then:
    /// a rule can be made anew, and name somebody else's host.
    func isHeldFromSameHost(_ order: Order) async throws -> Bool {
        guard UpstreamKind(host: order.source.host) == nil else { return true }
        let registry = order.repository.registry
        return try await blobs.database.read {
            try RepositoryBlobTable.cameFrom(order.source.place, order.digest, registry: registry, $0)
        }
    }
}
