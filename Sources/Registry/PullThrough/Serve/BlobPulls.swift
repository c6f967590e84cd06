import Metrics
import NIOCore
package import WeirCore

/// Whether the bytes are wanted, or only the answer that they are there.
package enum BlobUse: Sendable { case read, head }

/// Pulls of blobs: stored bytes where this repository may serve them, else a fill from its upstream.
package final class BlobPulls: Sendable {
    let images: Images
    let rules: CacheRules
    let access: Access
    let sources: UpstreamSources
    let upstream: any UpstreamRegistry
    let fills: Fills

    init(
        images: Images, rules: CacheRules, access: Access, sources: UpstreamSources, upstream: any UpstreamRegistry, fills: Fills
    ) {
        self.images = images
        self.rules = rules
        self.access = access
        self.sources = sources
        self.upstream = upstream
        self.fills = fills
    }

    private var blobs: Blobs { images.blobs }

    /// A blob that the repository may serve: stored, on its way, or to be had from its upstream. The caller's right to read has
    /// been checked.
    package func pull(
        _ digest: Digest, in name: RepositoryName, of registry: RegistryID, for caller: Caller, _ use: BlobUse = .read
    ) async throws -> ServedBlob {
        let context = PullContext(name: name, registry: registry, caller: caller)
        let repository = try await images.repositories.existing(name, in: registry)
        try blobs.checkKey(of: repository)
        let status = try await blobs.status(of: digest, in: repository)
        let rule = try await rules.rule(covering: name, in: registry)
        var fault: BlobFault?
        do {
            // Pushed content is worth another try. What upstream can give is not.
            let mayServeDoubt = use == .read && (status.membership == .push || rule == nil)
            if status.membership != nil, let size = status.stored,
                let content = try await blobs.open(digest, status, in: repository, mayServeDoubt: mayServeDoubt),
                try await stays(digest, in: repository, use)
            {
                return metered(serve(content, digest, size: size, status, in: repository, at: context), by: rule, at: context)
            }
        } catch let found as BlobFault {
            fault = found
        }
        guard let rule, status.membership != .push else { throw refusal(of: digest, status, fault, use, at: context) }
        try await access.permit(caller, "ecr:BatchImportUpstreamImage", on: name, in: registry)
        // Some registries give manifests out as blobs too, and a client that is told so keeps the image under a type of its own.
        if status.membership == nil, try await images.holds(digest, in: repository) {
            throw Refusal.blobUnknown(digest, in: name)
        }
        do {
            let source = try await sources.source(by: rule, at: context)
            var order = Fills.Order(digest: digest, size: status.named, repository: repository, source: source)
            if fault != nil { order.insteadOf = status.storedAt }
            return metered(try await fromUpstream(order, use), by: rule, at: context)
        } catch {
            // It is here, and would be served if the disk gave it: not upstream's "no" is what the client should hear.
            if let fault, !fault.state.wantsBytes { throw Refusal(fault, of: digest) }
            var refusal = Refusal(upstream: error, asking: "the layer \(digest)")
            if refusal.reason == .imageNotFound { refusal = .blobUnknown(digest, in: name) }
            throw refusal
        }
    }

    /// Why nobody can give the blob.
    private func refusal(
        of digest: Digest, _ status: BlobTable.BlobStatus, _ fault: BlobFault?, _ use: BlobUse, at context: PullContext
    ) -> Refusal {
        guard status.membership != nil else { return .blobUnknown(digest, in: context.name) }
        // A push that asks first is told to send it: that mends it.
        if use == .head, fault?.state.wantsBytes ?? true { return .blobUnknown(digest, in: context.name) }
        return Refusal(fault ?? BlobFault(.missing, "nothing is stored"), of: digest)
    }

    /// A client that only asks may go on to push a manifest that names the blob, without sending it.
    private func stays(_ digest: Digest, in repository: Repository, _ use: BlobUse) async throws -> Bool {
        guard use == .head else { return true }
        return try await blobs.promise(digest, in: repository)
    }

    private func serve(
        _ opened: OpenContent, _ digest: Digest, size: Int64, _ status: BlobTable.BlobStatus,
        in repository: Repository, at context: PullContext
    ) -> ServedBlob {
        let content = opened.content
        let body = MendingBody(opened) { [self] fault in
            try await mend(digest, after: fault, status, in: repository, at: context)
        }
        guard content.opener == nil else { return ServedBlob(size: size, body: body) }
        return ServedBlob(size: size, body: body, file: content.file.fileDescriptor.map { ($0, 0) })
    }

    /// Counts what is asked for as the rule's.
    private func metered(_ blob: ServedBlob, by rule: CacheRule?, at context: PullContext) -> ServedBlob {
        guard let rule else { return blob }
        let owner = rule.owner(in: context.registry)
        var blob = blob
        blob.note = { [tally = rules.tally] in tally.served($0, of: owner) }
        return blob
    }

    private func fromUpstream(_ order: Fills.Order, _ use: BlobUse) async throws -> ServedBlob {
        if use == .head, let size = fills.running(order.digest, in: order.repository)?.progress.size {
            return ServedBlob(size: size, body: NoBody())
        }
        if use == .head {
            // The manifest's word on the size comes before a HEAD's: proxies in front of registries get lengths wrong there.
            let told = try await upstream.blobSize(order.digest, in: order.source)
            if let size = order.size ?? told { return ServedBlob(size: size, body: NoBody()) }
        }
        let unstored = { @Sendable [upstream] in
            Counter(label: "weir_unstored_blobs_total").increment()
            return try await UnstoredBlob.open(order, from: upstream)
        }
        do {
            try blobs.checkRoom(for: order.size)
            let fill = fills.join(order)
            let size: Int64
            // Without a length from anywhere the answer needs the whole blob first: a client must know where it ends.
            if let head = try await fill.head() { size = head } else { size = try await fill.whole() }
            return ServedBlob(size: size, body: RescuedBody(FillBody(fill), rescue: unstored))
        } catch let refusal as Refusal where refusal.isOfTheStore {
            let body = try await unstored()
            return ServedBlob(size: body.size, body: body)
        }
    }

    /// The stored bytes were not had while they were read. Cached ones are fetched again and reading goes on; pushed ones are
    /// refused.
    private func mend(
        _ digest: Digest, after fault: BlobFault, _ status: BlobTable.BlobStatus, in repository: Repository,
        at context: PullContext
    ) async throws -> any BlobBody {
        await blobs.note(fault, of: blobs.location(of: digest, in: repository), storedAt: status.storedAt)
        guard status.membership == .cache,
            let rule = try await rules.rule(covering: context.name, in: context.registry)
        else { throw Refusal(fault, of: digest) }
        let source = try await sources.source(by: rule, at: context)
        return FillBody(
            fills.join(
                Fills.Order(
                    digest: digest, size: status.stored, repository: repository, insteadOf: status.storedAt, source: source)))
    }
}

/// For answers that have no body.
private struct NoBody: BlobBody {
    func read(at offset: Int64, upTo count: Int) async throws -> ByteBuffer { ByteBuffer() }
}
