import WeirCore

/// A blob that is stored, or on its way, for one repository is served in another only once upstream has confirmed, asked in the
/// other's name, that it has the blob there too: knowing a digest is not enough.
///
/// A HEAD is enough where the host can be believed: a host that ECR knows, whose answers no tenant of this server can write, or
/// the host that the content came from. Any other host, which settings may allow rules to name, could say yes to every digest and
/// so open another repository's content. There only the bytes themselves are a proof, and the blob is fetched again.
extension Fills {
    /// Asks upstream by HEAD. False where the answer would prove nothing, or makes no sense: then the bytes must prove it. Throws
    /// upstream's refusal.
    ///
    /// - Parameter size: of the content that is to be shared, where it is known. Another size from upstream is no proof.
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

    /// Lets the repository serve the blob from now on.
    func admit(_ order: Order) async throws {
        try await blobs.database.commit { sql in
            _ = try RepositoryTable.current(order.repository, sql)
            try BlobTable.admit(order.digest, to: order.repository.id, .cache, promisedAt: nil, sql)
            try BlobTable.came(order.digest, to: order.repository.id, from: order.source.place, sql)
        }
    }

    /// Whether another repository got the blob from the place that this one would ask. The place noted with the blob counts, and
    /// not that repository's present rule: a rule can be made anew with another host.
    func isHeldFromSameHost(_ order: Order) async throws -> Bool {
        guard UpstreamKind(host: order.source.host) == nil else { return true }
        let registry = order.repository.registry
        return try await blobs.database.read {
            try BlobTable.cameFrom(order.source.place, order.digest, registry: registry, $0)
        }
    }
}
