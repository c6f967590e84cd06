import Logging
import Metrics
import NIOCore
import Synchronization
package import WeirCore
import WeirVault

extension Pulls {
    /// Whether the bytes are wanted, or only the answer that they are there.
    package enum BlobUse: Sendable { case read, head }

    /// A blob that the repository may serve: stored, on its way, or to be had from its upstream. The caller's right to read has been checked.
    package func blob(
        _ digest: Digest, in name: RepositoryName, of registry: RegistryID, for caller: Caller, _ use: BlobUse = .read
    ) async throws -> ServedBlob {
        let place = Place(name: name, registry: registry, caller: caller)
        let repository = try await images.repository(name, of: registry)
        try blobs.check(repository)
        let standing = try await blobs.standing(of: digest, in: repository)
        if standing.membership != nil, let size = standing.stored,
            let content = try await blobs.open(digest, standing, in: repository),
            try await stays(digest, in: repository, use)
        {
            return metered(
                serve(content, digest, size: size, standing, in: repository, at: place),
                by: try await rules.rule(covering: name, in: registry), at: place)
        }
        guard let rule = try await rules.rule(covering: name, in: registry), standing.membership != .push else {
            // A push that asks first is told to send it: that mends it.
            throw standing.membership == nil || use == .head
                ? Refusal.blobUnknown(digest, in: name)
                : Refusal(.contentDamaged, "The stored layer \(digest) is damaged or missing. Push it again")
        }
        try await access.permit(caller, "ecr:BatchImportUpstreamImage", on: name, in: registry)
        do {
            let source = try await source(of: name, by: rule, in: registry)
            let order = Fills.Order(digest: digest, size: standing.named, repository: repository, source: source)
            return metered(try await fromUpstream(order, use), by: rule, at: place)
        } catch {
            var refusal = Refusal(upstream: error, asking: "the layer \(digest)")
            if refusal.reason == .imageNotFound { refusal = .blobUnknown(digest, in: name) }
            throw refusal
        }
    }

    /// Whoever only asks is perhaps going to push a manifest that names the blob, without sending it.
    private func stays(_ digest: Digest, in repository: Repository, _ use: BlobUse) async throws -> Bool {
        guard use == .head else { return true }
        return try await blobs.promise(digest, in: repository)
    }

    private func serve(
        _ opened: OpenContent, _ digest: Digest, size: Int64, _ standing: BlobTable.Standing,
        in repository: Repository, at place: Place
    ) -> ServedBlob {
        let content = opened.content
        guard content.opener != nil else {
            return ServedBlob(
                size: size, body: content, file: content.file.fileDescriptor.map { ($0, 0) })
        }
        let body = MendingBody(opened) { [self] error in
            try await mend(digest, after: error, standing, in: repository, at: place)
        }
        return ServedBlob(size: size, body: body)
    }

    /// Counts what is asked for as the rule's.
    private func metered(_ blob: ServedBlob, by rule: CacheRule?, at place: Place) -> ServedBlob {
        guard let rule else { return blob }
        let owner = rule.owner(in: place.registry)
        var blob = blob
        blob.note = { [tally = rules.tally] in tally.served($0, of: owner) }
        return blob
    }

    private func fromUpstream(_ order: Fills.Order, _ use: BlobUse) async throws -> ServedBlob {
        if use == .head, let size = fills.running(order.digest, in: order.repository)?.progress.size {
            return ServedBlob(size: size, body: NoBody())
        }
        if use == .head {
            let told = try await upstream.blobSize(order.digest, in: order.source)
            if let size = told ?? order.size { return ServedBlob(size: size, body: NoBody()) }
        }
        let fill = fills.join(order)
        let size: Int64
        // Without a length from anywhere the answer needs the whole blob first: a client must know where it ends.
        if let head = try await fill.head() { size = head } else { size = try await fill.whole() }
        return ServedBlob(size: size, body: FillBody(fill))
    }

    /// The stored bytes turned out damaged while they were read. Cached ones are fetched again and reading goes on; pushed ones are lost.
    private func mend(
        _ digest: Digest, after error: any Error, _ standing: BlobTable.Standing, in repository: Repository, at place: Place
    ) async throws -> any BlobBody {
        logger.error(
            "Stored blob is damaged",
            metadata: [
                "blob.digest": "\(digest)", "repository.name": "\(repository.name)",
                "blob.origin": "\(standing.membership?.rawValue ?? "")", "error": "\(error)",
            ])
        Counter(label: "weir_damaged_blobs_total").increment()
        try await blobs.forget(blobs.place(of: digest, in: repository), standing)
        guard standing.membership == .cache,
            let rule = try await rules.rule(covering: place.name, in: place.registry)
        else {
            throw Refusal(.contentDamaged, "The stored layer \(digest) is damaged. Push it again")
        }
        let source = try await source(of: place.name, by: rule, in: place.registry)
        return FillBody(
            fills.join(Fills.Order(digest: digest, size: standing.stored, repository: repository, source: source)))
    }
}

/// Reads stored content, and goes on with other content where it proves damaged.
private final class MendingBody: BlobBody {
    private enum Source {
        case stored(OpenContent)
        case mended(any BlobBody)
    }

    private let mend: @Sendable (any Error) async throws -> any BlobBody
    private let source: Mutex<Source>

    init(_ content: OpenContent, mend: @escaping @Sendable (any Error) async throws -> any BlobBody) {
        source = Mutex(.stored(content))
        self.mend = mend
        content.join()
    }

    deinit {
        if case .stored(let content) = source.withLock({ $0 }) { content.leave() }
    }

    func read(at offset: Int64, upTo count: Int) async throws -> ByteBuffer {
        switch source.withLock({ $0 }) {
        case .mended(let other): return try await other.read(at: offset, upTo: count)
        case .stored(let content):
            do {
                return try await content.read(at: offset, upTo: count)
            } catch  where error.isDamage {
                // Once: content that came anew and is damaged too is not fetched for ever.
                let other = try await mend(error)
                source.withLock { $0 = .mended(other) }
                content.leave()
                return try await other.read(at: offset, upTo: count)
            }
        }
    }
}

/// For answers that have no body.
private struct NoBody: BlobBody {
    func read(at offset: Int64, upTo count: Int) async throws -> ByteBuffer { ByteBuffer() }
}

extension Error {
    /// The stored bytes cannot be had: changed, or unreadable.
    fileprivate var isDamage: Bool {
        if self is SealError { return true }
        if case .failed? = self as? BlobStoreError { return !Task.isCancelled }
        return false
    }
}
