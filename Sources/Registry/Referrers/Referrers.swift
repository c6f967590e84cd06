import NIOCore
package import WeirCore

/// The referrers of manifests: the stored images whose subject is the manifest, and, in a repository that a cache rule fills,
/// those that only upstream knows.
///
/// Upstream is asked once in a window (ECR's six hours, or the rule's own) for all callers. Its answer is kept with the image, so
/// that signatures are found while upstream is away. An image that a client pushed has no upstream, so none is asked.
package struct Referrers: Sendable {
    /// ECR's window.
    package static let freshness: Duration = .seconds(6 * 3600)
    /// Annotations in one page, in bytes: keeps an answer near the 4 MiB that clients accept.
    private static let pageBytes = 2 * 1024 * 1024
    /// Bytes of manifests that are opened for one page: the page ends there, and the next one goes on.
    private static let openedBytes = 16 * 1024 * 1024
    /// Protects memory and the database from an upstream that lists without end.
    static let maxFromUpstream = 5_000

    let parts: Registry.Parts
    let images: Images
    let rules: CacheRules
    let access: Access
    let sources: UpstreamSources
    let questions = SingleFlight<PullKey, UpstreamListing>()
    let failures = NegativeCache<PullKey, String>()

    init(_ parts: Registry.Parts, images: Images, rules: CacheRules, access: Access, sources: UpstreamSources) {
        self.parts = parts
        self.images = images
        self.rules = rules
        self.access = access
        self.sources = sources
    }

    /// A page of the referrers of `subject`, by digest. An unknown subject has none. The caller's right to read the repository
    /// has been checked; the right to ask upstream is checked here.
    ///
    /// - Parameters:
    ///   - cursor: `next` of the page before.
    ///   - limit: at least 1. A page ends sooner where annotations are long.
    package func list(
        of subject: Digest, in name: RepositoryName, of registry: RegistryID, for caller: Caller,
        _ filter: ReferrerFilter = ReferrerFilter(), after cursor: String? = nil, limit: Int = 100
    ) async throws -> ReferrerList {
        let context = PullContext(name: name, registry: registry, caller: caller)
        let known = try await images.repositories.known(name, in: registry)
        if let known { try images.blobs.checkKey(of: known.repository) }
        let (theirs, warning) = try await fromUpstream(subject, known, at: context)
        var found = theirs.filter { filter.takes($0) && $0.digest.description > cursor ?? "" }
        var isCut = false
        if let known {
            let local = try await local(subject, in: known.repository, filter, after: cursor, limit: limit + 1)
            let here = Set(local.referrers.map(\.digest))
            found = (found.filter { !here.contains($0.digest) } + local.referrers).sorted { $0.digest < $1.digest }
            // Referrers behind the last one that was opened are not known yet.
            if local.isCut, let last = local.referrers.last?.digest { found = found.filter { $0.digest <= last } }
            isCut = local.isCut
        }
        var bytes = 0
        let fitting = found.prefix(limit).prefix { referrer in
            bytes += referrer.annotations.map { $0.key.utf8.count + $0.value.utf8.count }.total
            return bytes <= Self.pageBytes
        }
        // One alone always fits: a manifest is no longer than 4 MiB.
        let page = fitting.isEmpty ? found.prefix(1) : fitting
        return ReferrerList(
            referrers: Array(page), next: isCut || page.count < found.count ? page.last?.digest.description : nil,
            warning: warning)
    }

    /// Ends the requests to upstream. For the end of the program.
    package func close() async { await questions.close() }

    // MARK: - Here

    /// Referrers whose manifests are stored here; `isCut` where there may be more than were opened. Their annotations are read
    /// from the manifests, which are sealed.
    private func local(
        _ subject: Digest, in repository: Repository, _ filter: ReferrerFilter, after cursor: String?, limit: Int
    ) async throws -> (referrers: [Referrer], isCut: Bool) {
        var found: [Referrer] = []
        var opened: Int64 = 0
        var cursor = cursor
        while found.count < limit {
            let (after, wanted) = (cursor, limit - found.count)
            let digests = try await parts.database.read {
                try ReferrerTable.local(
                    to: subject, in: repository.id, types: filter.artifactTypes, after: after, limit: wanted, $0)
            }
            for digest in digests {
                guard let referrer = try await referrer(digest, in: repository, filter) else { continue }
                found.append(referrer)
                opened.add(referrer.size)
                if opened > Self.openedBytes { return (found, true) }
            }
            guard let last = digests.last, digests.count == wanted else { break }
            cursor = last.description
        }
        return (found, false)
    }

    /// Nil where the manifest has been deleted meanwhile, or the filter does not take it.
    private func referrer(
        _ digest: Digest, in repository: Repository, _ filter: ReferrerFilter
    ) async throws -> Referrer? {
        guard let row = try await parts.database.read({ try ImageTable.find(.digest(digest), in: repository.id, $0) }),
            filter.statuses.contains(row.status)
        else { return nil }
        let bytes = try images.seal.open(row, in: repository)
        // A manifest stored before a bound was introduced is listed without its own type and annotations.
        let manifest = try? Manifest(bytes, contentType: row.mediaType, algorithm: digest.algorithm)
        let referrer = Referrer(
            digest: digest, mediaType: row.mediaType, size: Int64(bytes.readableBytes),
            artifactType: manifest?.artifactType, annotations: manifest?.annotations ?? [:], status: row.status)
        return filter.takes(referrer) ? referrer : nil
    }
}
